"""`mixed_sum`: the weighted sum of the primitives of the edges that leave some states."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from attrs import define
from torch import Tensor

from bnas.cells.nn import BatchNorm2d, binarize_activation
from bnas.search.supernet import passes


@define(eq=False)
class Terms:
    """What E edges of C channels are summed from.

    Attributes:
        counts: Of every convolution, (N, E * C, H, W).
        weights: As many, (E * C,), >= 0.
        pools: Normalised poolings, (N, C, H, W), the same for all edges.
        shares: As many, one weight an edge, (E,).
    """

    counts: list[Tensor]
    weights: list[Tensor]
    pools: list[Tensor]
    shares: list[Tensor]

    def extend(self, other: Terms) -> None:
        """Append the terms of another state to the same edges' nodes."""
        self.counts += other.counts
        self.weights += other.weights
        self.pools += other.pools
        self.shares += other.shares


def mixed_sum(total: Tensor | None, terms: Terms, channels: int) -> tuple[Tensor, Tensor]:
    """Return ``total + sum_k w_k * max(counts_k, 0) + sum_l share_l * pool_l``.

    A probability p of a primitive ReLU(s * count) and its scale s >= 0 fold into one weight, p * s.

    Args:
        total: (N, E * C, H, W); None for 0.
        terms: The summands.
        channels: C.

    Returns:
        The sum of the first edge, (N, C, H, W), and of the others, (N, (E - 1) * C, H, W).
    """
    sample = (terms.weights + terms.shares)[0]
    # Pre-processing under autocast gives half precision to the poolings too.
    pools = [pooled.to(sample.dtype) for pooled in terms.pools]
    values = (*terms.counts, *pools)
    given = () if total is None else (total,)
    if passes.applies(sample, *values, *given):
        edges = len(terms.shares[0]) if terms.shares else len(terms.weights[0]) // channels
        weights = _stacked(terms.weights, edges * channels, sample)
        shares = _stacked(terms.shares, edges, sample)
        first, rest = passes.Mix.apply(total, weights, shares, *values)
        return first, rest
    summands = list(given)
    for count, weight in zip(terms.counts, terms.weights, strict=True):
        summands.append(functional.relu(count) * weight[:, None, None])
    for pooled, share in zip(pools, terms.shares, strict=True):
        spread = share[:, None, None, None] * pooled[:, None]
        summands.append(spread.flatten(1, 2))
    whole = sum(summands[1:], summands[0])
    return whole[:, :channels], whole[:, channels:]


def _stacked(parts: list[Tensor], length: int, sample: Tensor) -> Tensor:
    return torch.stack(parts) if parts else sample.new_empty(0, length)


def norm_sign(x: Tensor, norm: BatchNorm2d, official_sign: bool) -> Tensor:
    """Return the signs of batch norm, in the dtype in which convolutions read them.

    Args:
        x: (N, C, H, W).
        norm: Without weight and bias.
        official_sign: Take sign(0) = 0.
    """
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
    if norm.training and norm.all_reduce is None and passes.applies(x):
        signs: Tensor = passes.NormSign.apply(x, norm, official_sign, dtype)
        return signs
    # ±1 are exact in any dtype: converted once, not by every convolution.
    return binarize_activation(norm(x), official_sign=official_sign).to(dtype)
