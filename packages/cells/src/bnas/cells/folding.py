"""Batch norm in evaluation as one multiplication and one addition, alike in NumPy and torch.

Every reader of a network evaluates ``float32(x * multiplier) + offset`` with these two float32
numbers per channel, so a sign taken of it is the same wherever it is computed.
"""

from __future__ import annotations

from typing import Any

#: Epsilon added to the variance by every batch norm of every network here.
BATCH_NORM_EPS = 1e-5


def fold_batch_norm(weight: Any, bias: Any, mean: Any, variance: Any) -> tuple[Any, Any]:
    """Return multiplier and offset of a batch norm in evaluation.

    Args:
        weight: Gamma, float64 (C,), a NumPy array or a torch tensor; 1 without affine parameters.
        bias: Beta, float64 (C,); 0 without affine parameters.
        mean: Running mean, float64 (C,).
        variance: Running variance, float64 (C,).

    Returns:
        Two float64 arrays (C,), for the caller to round to float32.
    """
    multiplier = weight / (variance + BATCH_NORM_EPS) ** 0.5
    return multiplier, bias - mean * multiplier
