"""Rounding of a trained network to the numbers that a packed file stores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnas.cells.nn import BinaryConv2d
from bnas.search.errors import DataError


@torch.no_grad()
def round_real_parameters_(network: nn.Module) -> None:
    """Round every real-valued parameter and batch statistic to the nearest float16, in place.

    Latent weights and the scales derived from them stay as they are. Values that float16 can only
    hold as 0 become 0; batch norm adds its epsilon to a variance, so none divides by it.

    Args:
        network: A trained network; its tensors stay float32.

    Raises:
        DataError: A value is too large for float16; the message names its layer.
    """
    for layer, module in network.named_modules():
        if isinstance(module, BinaryConv2d):
            continue
        tensors = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
        for name, tensor in tensors:
            if tensor.is_floating_point():
                _round_(f"{layer}.{name}".lstrip("."), tensor)


def _round_(name: str, tensor: Tensor) -> None:
    rounded = tensor.half().float()
    if not torch.isfinite(rounded).all():
        largest = float(tensor.abs().max())
        raise DataError(
            f"`{name}` must be at most 65504 to be stored (got {largest}): the training diverged; "
            "lower `learning_rate`"
        )
    tensor.copy_(rounded)
