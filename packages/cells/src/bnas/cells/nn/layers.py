"""The layers of a trainable network that torch does not have, or has with other numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self

import torch
from torch import Tensor, nn

from bnas.cells.errors import GraphError
from bnas.cells.folding import BATCH_NORM_EPS, fold_batch_norm
from bnas.cells.nn.binarize import (
    binarize_activation,
    binary_weight,
    is_centred,
    latent_scale,
    project_latent,
    round_counts,
)
from bnas.cells.nn.convolution import convolve
from bnas.cells.nodes import BinaryConv


class BinaryConv2d(nn.Module):
    """±1 activations convolved with ±1 weights, times one scale per filter.

    Training binarises the latent weights on every call. Evaluation computes the integer count c of
    matches minus mismatches exactly, then float32 ``c * weight_scale``: the expression whose bits a
    packed network reproduces.

    Attributes:
        weight: Latent weights, float32 (O, I / groups, K, K).
        weight_scale: mean|W| per filter, float32 (O,), used in evaluation; refreshed by
            `project_latent_` and on the way from training to evaluation.
    """

    weight_scale: Tensor

    def __init__(
        self,
        node: BinaryConv,
        *,
        real_weights: bool = False,
        official_sign: bool = False,
        official_gradient: bool = False,
        official_centring: bool = False,
    ) -> None:
        """Draw latent weights as torch does for a convolution.

        Args:
            node: Geometry of the convolution.
            real_weights: Convolve with the latent weights themselves, and leave them unprojected.
            official_sign: Take sign(0) = 0 of weights, as the authors' code does.
            official_gradient: Multiply weight gradients by n * (1 - 1/C_in) (`binary_weight`).
            official_centring: Centre filters of one input channel too (`project_latent`).
        """
        super().__init__()
        self.node = node
        self.real_weights = real_weights
        self.official_sign = official_sign
        self.official_gradient = official_gradient
        self.official_centring = official_centring
        window = (node.kernel, node.kernel)
        self.weight: nn.Parameter = nn.Parameter(
            torch.empty(node.out_channels, node.in_channels // node.groups, *window)
        )
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.register_buffer("weight_scale", latent_scale(self.weight.detach()))

    @torch.no_grad()
    def project_latent_(self) -> None:
        """Centre and clamp the latent weights in place and refresh `weight_scale`."""
        if self.real_weights:
            return
        project_latent(self.weight, official_centring=self.official_centring)
        self.weight_scale.copy_(latent_scale(self.weight))

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation; leaving training refreshes `weight_scale`."""
        if self.training and not mode:
            with torch.no_grad():
                self.weight_scale.copy_(latent_scale(self.weight))
        return super().train(mode)

    def forward(self, signs: Tensor) -> Tensor:
        """Convolve signs.

        Args:
            signs: In ±1, float (N, I, H, W).

        Returns:
            float (N, O, H', W').
        """
        if self.real_weights:
            return self._convolve(signs, self.weight)
        weight, scale = binary_weight(
            self.weight,
            official_sign=self.official_sign,
            official_gradient=self.official_gradient,
            official_centring=self.official_centring,
        )
        counts = self._convolve(signs, weight)
        if self.training:
            # Under autocast counts are bfloat16, and what follows stays so: scales are float32.
            return (counts * scale[:, None, None]).to(counts.dtype)
        # The sums are integers; rounding undoes convolution algorithms that are not exact.
        return round_counts(counts) * self.weight_scale[:, None, None]

    def _convolve(self, signs: Tensor, weight: Tensor) -> Tensor:
        node = self.node
        return convolve(signs, weight, node.stride, node.padding, node.dilation, node.groups)

    def extra_repr(self) -> str:
        """Return the geometry for `repr`."""
        node = self.node
        return (
            f"{node.in_channels}, {node.out_channels}, kernel={node.kernel}, "
            f"stride={node.stride}, padding={node.padding}, dilation={node.dilation}, "
            f"groups={node.groups}"
        )


@torch.no_grad()
def project_latents_together_(modules: Iterable[BinaryConv2d]) -> None:
    """Do what `BinaryConv2d.project_latent_` does to each of `modules`, equal shapes at once.

    The numbers are the same, but for the order in which a filter's are added up where weights do
    not lie channels last. On a GPU a network of 74 binary convolutions takes a few dozen kernels
    this way instead of 444, which its host could hardly start fast enough.

    Args:
        modules: On one device.
    """
    groups: dict[tuple[torch.Size, bool], list[BinaryConv2d]] = {}
    for module in modules:
        if not module.real_weights:
            centred = is_centred(module.weight, official_centring=module.official_centring)
            groups.setdefault((module.weight.shape, centred), []).append(module)
    latents: list[Tensor] = []
    projected: list[Tensor] = []
    scales: list[Tensor] = []
    means: list[Tensor] = []
    for (_, centred), group in groups.items():
        # Channels last, as weights lie on GPUs.
        views = [module.weight.permute(0, 2, 3, 1) for module in group]
        stacked = torch.stack(views)
        if centred:
            stacked.sub_(stacked.mean(dim=4, keepdim=True))
        stacked.clamp_(-1, 1)
        latents += views
        projected += stacked.unbind()
        scales += [module.weight_scale for module in group]
        means += stacked.abs().mean(dim=(2, 3, 4)).unbind()
    if latents:
        torch._foreach_copy_(latents, projected)
        torch._foreach_copy_(scales, means)


class BatchNorm2d(nn.BatchNorm2d):
    """torch's batch norm; in evaluation one float32 multiplication and one addition per value.

    Attributes:
        all_reduce: Differentiable sum of a tensor over processes that train together; None for the
            statistics of this process alone. Torch's own `SyncBatchNorm` needs a GPU.
    """

    # torch's may lack these; this one always tracks, so that it has them.
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def __init__(self, channels: int, affine: bool = True) -> None:
        """Start from mean 0 and variance 1; `affine` adds a learned weight and bias a channel."""
        super().__init__(channels, eps=BATCH_NORM_EPS, momentum=0.1, affine=affine)
        self.all_reduce: Callable[[Tensor], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise.

        Args:
            x: float (N, C, H, W).

        Returns:
            float (N, C, H, W).
        """
        if self.training and self.all_reduce is not None:
            return self._normalise_together(x, self.all_reduce)
        if self.training:
            return super().forward(x)
        multiplier, offset = (part.to(x.dtype)[:, None, None] for part in self.folded())
        return x * multiplier + offset

    def _normalise_together(self, x: Tensor, all_reduce: Callable[[Tensor], Tensor]) -> Tensor:
        """Normalise by the images of all processes; two sums, so that no digits cancel."""
        values = x.float()
        # Filled on the device: a number that is copied there is waited for.
        count = values.new_full((1,), x[:, 0].numel())
        local = torch.cat([values.sum(dim=(0, 2, 3)), count])
        total = all_reduce(local)
        mean, count = total[:-1] / total[-1], total[-1].detach()
        centred = values - mean[:, None, None]
        variance = all_reduce(centred.square().sum(dim=(0, 2, 3))) / count
        with torch.no_grad():
            unbiased = variance * count / (count - 1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
            self.num_batches_tracked.add_(1)
        normalised = centred * torch.rsqrt(variance + self.eps)[:, None, None]
        if self.affine:
            normalised = normalised * self.weight[:, None, None] + self.bias[:, None, None]
        return normalised.to(x.dtype)

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return multiplier and offset of evaluation.

        Returns:
            float32 (C,) each.
        """
        if self.running_mean is None or self.running_var is None:
            raise GraphError("a batch norm needs running statistics in evaluation (got none)")
        mean, variance = self.running_mean.double(), self.running_var.double()
        weight = torch.ones_like(mean) if self.weight is None else self.weight.double()
        bias = torch.zeros_like(mean) if self.bias is None else self.bias.double()
        multiplier, offset = fold_batch_norm(weight, bias, mean, variance)
        return multiplier.float(), offset.float()


class Sign(nn.Module):
    """Signs of activations with the straight-through gradient."""

    def __init__(self, *, official_sign: bool = False) -> None:
        """Take sign(0) = +1, or 0 if `official_sign`."""
        super().__init__()
        self.official_sign = official_sign

    def forward(self, x: Tensor) -> Tensor:
        """Return signs.

        Args:
            x: float (...).

        Returns:
            In ±1, float (...), of the shape of `x`.
        """
        return binarize_activation(x, official_sign=self.official_sign)


class RPReLU(nn.Module):
    """``prelu(x - shift_in; slope) + shift_out`` per channel.

    References:
        Liu et al., "ReActNet", ECCV 2020, Equation 4.
    """

    def __init__(self, channels: int) -> None:
        """Start as a PReLU of slope 0.25 in every channel."""
        super().__init__()
        self.shift_in: nn.Parameter = nn.Parameter(torch.zeros(channels))
        self.slope: nn.Parameter = nn.Parameter(torch.full((channels,), 0.25))
        self.shift_out: nn.Parameter = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Apply it.

        Args:
            x: float (N, C, H, W).

        Returns:
            float (N, C, H, W).
        """
        shift_in, slope, shift_out = (
            part[:, None, None] for part in (self.shift_in, self.slope, self.shift_out)
        )
        shifted = x - shift_in
        return torch.where(shifted >= 0, shifted, shifted * slope) + shift_out
