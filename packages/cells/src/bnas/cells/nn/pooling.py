"""`average_pool`: torch's, with the one gradient that it gets wrong taken another way."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor


def average_pool(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Return the means over windows, in which padding does not count.

    On CUDA torch gave wrong gradients, without a word, for channels-last inputs with padding until
    July 2026 (pytorch#188344). Such inputs are pooled in the other memory format. What
    `torch.compile` makes of an average pool was right.

    Args:
        x: float (N, C, H, W).
        kernel: Side of a window in pixels.
        stride: In pixels.
        padding: Pixels on every side.

    Returns:
        float (N, C, H', W').
    """
    if padding and x.is_cuda and not torch.compiler.is_compiling():
        x = x.contiguous()
    return functional.avg_pool2d(x, kernel, stride, padding, count_include_pad=False)
