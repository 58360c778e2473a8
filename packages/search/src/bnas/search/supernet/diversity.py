"""The search objective: loss on the validation images minus an early reward for diversity."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bnas.search.errors import ArchParamsError


def arch_entropy(normal: Tensor, reduce: Tensor, *, official_quirks: bool = False) -> Tensor:
    """Return the mean entropy, in nats, of the primitives' probabilities over all edges.

    The differentiable form of `mean_entropy`, for spaces of any size.

    Args:
        normal: Logits of the normal cell, float (edges, P).
        reduce: Logits of the reduction cell, float (edges, P).
        official_quirks: Count the last reduction edge as often as there are edges and no other, as
            the authors' code does.

    Returns:
        float (), of the logits' dtype.

    Raises:
        ArchParamsError: The logits are no matrices of one shape.

    References:
        ECCV 2020 BNAS, Section 4.3.
    """
    if normal.ndim != 2 or normal.shape != reduce.shape or not normal.numel():
        raise ArchParamsError(
            "`normal` and `reduce` must have one shape, (edges, primitives) "
            f"(got {tuple(normal.shape)} and {tuple(reduce.shape)})"
        )
    if official_quirks:
        reduce = reduce[-1:].expand_as(reduce)
    logits = torch.cat([normal, reduce])
    return -(logits.softmax(dim=1) * logits.log_softmax(dim=1)).sum(dim=1).mean()


def search_objective(
    loss_val: Tensor,
    normal: Tensor,
    reduce: Tensor,
    epoch: float,
    weight: float = 1.0,
    decay_epochs: float = 7.7,
    *,
    official_quirks: bool = False,
) -> Tensor:
    """Return ``L_val - weight * H * exp(-epoch / decay_epochs)``, which the arch params minimise.

    H is `arch_entropy`. Early on it keeps primitives with few parameters, which learn fastest, from
    being chosen for that alone.

    Args:
        loss_val: Loss on validation images, float ().
        normal: Logits of the normal cell, float (edges, P).
        reduce: Logits of the reduction cell, float (edges, P).
        epoch: From 0, >= 0.
        weight: Of the entropy, finite; 0 for plain DARTS.
        decay_epochs: > 0; the paper's tau.
        official_quirks: Of `arch_entropy`.

    Returns:
        float ().

    Raises:
        ArchParamsError: A number outside its range, or logits that are no matrices of one shape.

    References:
        ECCV 2020 BNAS, Section 4.3; the values of weight and tau are the paper's.
    """
    if not (math.isfinite(epoch) and epoch >= 0):
        raise ArchParamsError(f"`epoch` must be a finite number >= 0 (got {epoch!r})")
    if not math.isfinite(weight):
        raise ArchParamsError(f"`weight` must be a finite number (got {weight!r})")
    if not (math.isfinite(decay_epochs) and decay_epochs > 0):
        raise ArchParamsError(f"`decay_epochs` must be a finite number > 0 (got {decay_epochs!r})")
    entropy = arch_entropy(normal, reduce, official_quirks=official_quirks)
    return loss_val - weight * math.exp(-epoch / decay_epochs) * entropy
