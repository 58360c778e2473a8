"""`mixed_sum`: the weighted sum of the primitives of the edges that leave a state."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor


def mixed_sum(
    total: Tensor | None,
    counts: list[Tensor],
    weights: list[Tensor],
    pools: list[Tensor],
    shares: list[Tensor],
) -> Tensor:
    """Return ``total + sum_k w_k * max(counts_k, 0) + sum_l share_l * pool_l``.

    A probability p of a primitive ReLU(s * count) and its scale s >= 0 fold into one weight, p * s.

    Args:
        total: (N, E * C, H, W), E edges of C channels; None for 0.
        counts: Of every convolution, (N, E * C, H, W).
        weights: As many, (E * C,), >= 0.
        pools: Normalised poolings, (N, C, H, W), the same for all edges.
        shares: As many, one weight an edge, (E,).
    """
    terms = [
        functional.relu(count) * weight[:, None, None].to(count.dtype)
        for count, weight in zip(counts, weights, strict=True)
    ]
    for pooled, share in zip(pools, shares, strict=True):
        spread = share[:, None, None, None] * pooled[:, None]
        terms.append(spread.flatten(1, 2))
    for term in terms:
        total = term if total is None else total + term
    assert total is not None
    return total
