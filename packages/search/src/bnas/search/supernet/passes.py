"""The kernels as differentiable functions of tensors on a CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from bnas.cells.nn import BatchNorm2d
from bnas.search.supernet import kernels

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)
#: Most summands of one kind for nodes of two inputs and the primitives of the paper.
_TOGETHER = 8
#: Stands for an argument that there is none of.
_NO_ROWS = {dtype: np.empty((0, 0), dtype) for dtype in (np.float32, np.float64)}


def applies(*tensors: Tensor) -> bool:
    """Return whether the kernels take these tensors: on a CPU, in a known dtype, not compiled."""
    fit = all(tensor.device.type == "cpu" and tensor.dtype in _DTYPES for tensor in tensors)
    return fit and not torch.compiler.is_compiling()


def _rows(x: Tensor) -> NDArray[Any]:
    """Return (N, C, H, W) as (N * H * W, C), without a copy if it lies so."""
    count, channels, height, width = x.shape
    flat = x.detach().permute(0, 2, 3, 1).contiguous().view(count * height * width, channels)
    if flat.dtype == torch.bfloat16:
        return flat.view(torch.int16).numpy().view(np.uint16)
    return flat.numpy()


def _empty(x: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    count, _, height, width = x.shape
    return torch.empty((count, height, width, channels), dtype=dtype).permute(0, 3, 1, 2)


def _wide(x: Tensor) -> Any:
    """Return the NumPy dtype in which numbers are computed."""
    return np.float64 if x.dtype == torch.float64 else np.float32


class NormSign(torch.autograd.Function):
    """The signs in ±1 of batch norm without weight and bias, in training.

    The gradient of the sign is the straight-through one, of |batch norm(x)| < 1.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, norm: BatchNorm2d, official_sign: bool, dtype: torch.dtype
    ) -> Tensor:
        """Normalise by the batch and move the running statistics of `norm` towards it.

        Args:
            ctx: Keeps what the gradient needs.
            x: (N, C, H, W).
            norm: Without weight and bias.
            official_sign: Take sign(0) = 0.
            dtype: Of the signs.
        """
        rows, wide = _rows(x), _wide(x)
        count, channels = rows.shape
        sums = np.zeros((2, kernels.BLOCKS, channels))
        kernels.moments(rows, sums[0])
        mean = (sums[0].sum(axis=0) / count).astype(wide)
        kernels.squares(rows, mean, sums[1])
        variance = sums[1].sum(axis=0) / count
        inverse = (1 / np.sqrt(variance + norm.eps)).astype(wide)
        _move(norm, mean, variance * count / max(count - 1, 1))
        out = _empty(x, channels, dtype)
        kernels.norm_signs(rows, mean, wide(not official_sign), wide(1), _rows(out))
        ctx.save_for_backward(x)
        ctx.parts = (mean, inverse)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient of x."""
        (x,) = ctx.saved_tensors
        mean, inverse = ctx.parts
        rows, grad = _rows(x), _rows(grads[0])
        sums = np.zeros((kernels.BLOCKS, 2, rows.shape[1]))
        kernels.norm_sums(rows, grad, mean, inverse, sums)
        means = (sums.sum(axis=0) / len(rows)).astype(mean.dtype)
        out = _empty(x, rows.shape[1], x.dtype)
        kernels.norm_grad(rows, grad, mean, inverse, means, _rows(out))
        return out, None, None, None


@torch.no_grad()
def _move(norm: BatchNorm2d, mean: NDArray[Any], variance: NDArray[Any]) -> None:
    for running, batch in ((norm.running_mean, mean), (norm.running_var, variance)):
        running.lerp_(torch.from_numpy(batch).to(running.dtype), norm.momentum)
    norm.num_batches_tracked.add_(1)


class Mix(torch.autograd.Function):
    """`mix.mixed_sum`, apart for the first edge and for the others."""

    @staticmethod
    def forward(
        ctx: Any, total: Tensor | None, weights: Tensor, shares: Tensor, *values: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sum up.

        Args:
            ctx: Keeps what the gradient needs.
            total: (N, E * C, H, W); None for 0.
            weights: (K, E * C).
            shares: (L, E).
            *values: K counts (N, E * C, H, W), then L poolings (N, C, H, W), these in the dtype of
                the weights, as is the total.

        Returns:
            (N, C, H, W) and (N, (E - 1) * C, H, W).
        """
        edges, channels = shares.shape[1], weights.shape[1] // shares.shape[1]
        sample = values[0]
        first = _empty(sample, channels, weights.dtype)
        rest = _empty(sample, (edges - 1) * channels, weights.dtype)
        rows = tuple(_rows(value) for value in values)
        wide = _wide(weights)
        kernels.mix(
            _NO_ROWS[wide] if total is None else _rows(total),
            *_operands(weights, shares, rows),
            wide(0),
            _rows(first),
            _rows(rest),
        )
        ctx.save_for_backward(weights, shares, *values)
        ctx.has_total = total is not None
        return first, rest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of all arguments."""
        weights, shares, *values = ctx.saved_tensors
        wide = _wide(weights)
        convs = len(weights)
        out = [torch.empty_like(_last(value)) for value in values[:convs]]
        out += [torch.zeros_like(_last(value)) for value in values[convs:]]
        out_rows = tuple(_rows(value) for value in out)
        sums = np.zeros((kernels.BLOCKS, len(values), weights.shape[1]), wide)
        kernels.mix_grad(
            _rows(grads[0]),
            _rows(grads[1]),
            *_operands(weights, shares, tuple(_rows(value) for value in values)),
            wide(0),
            _filled(out_rows[:convs], wide),
            _filled(out_rows[convs:], wide),
            sums[:, :convs],
            sums[:, convs:],
        )
        folded = torch.from_numpy(sums.sum(axis=0))
        edges = shares.shape[1]
        share_grads = folded[convs:].view(len(shares), edges, weights.shape[1] // edges).sum(dim=2)
        total = torch.cat(grads, dim=1) if ctx.has_total else None
        return (total, folded[:convs], share_grads, *out)


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _operands(weights: Tensor, shares: Tensor, rows: tuple[NDArray[Any], ...]) -> tuple[Any, ...]:
    """Return counts, weights, poolings and shares for a kernel."""
    convs, wide = len(weights), _wide(weights)
    counts, pools = _filled(rows[:convs], wide), _filled(rows[convs:], wide)
    return counts, weights.detach().numpy(), pools, shares.detach().numpy()


def _filled(rows: tuple[NDArray[Any], ...], wide: Any) -> tuple[NDArray[Any], ...]:
    """Fill a tuple up to a multiple of `_TOGETHER`: of every length a kernel is compiled anew."""
    given = rows or (_NO_ROWS[wide],)
    return given + given[-1:] * (-len(given) % _TOGETHER)
