"""What torch is asked to compute on memory that is not its own; where it has no GPU, on the CPU."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
import torch
from numba import cuda

from bnas.binops.cuda.conv_outputs import FloatPlace
from bnas.binops.cuda.pooling_kernels import PoolSizes
from bnas.binops.cuda.real_conv_kernel import RealTile, RealWeights, real_conv
from bnas.zoo.cuda import torch_convolution
from bnas.zoo.cuda.torch_convolution import TorchConvolution


@pytest.fixture
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch's CPU do it, in a copy of the memory."""
    if torch_convolution.is_usable():
        return
    monkeypatch.setattr(torch_convolution, "_current", lambda: torch.device("cpu"))
    monkeypatch.setattr(torch_convolution, "_memory", lambda tensor: tensor)
    monkeypatch.setattr(
        torch_convolution, "_queueing", lambda device, stream: contextlib.nullcontext()
    )


@pytest.mark.parametrize("window", [(3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 2, 2)])
@pytest.mark.parametrize("groups", [1, 2])
def test_equals_the_kernel(
    without_gpu: None, window: tuple[int, int, int, int], groups: int
) -> None:
    random = np.random.default_rng(groups)
    values = random.standard_normal(900).astype(np.float32)
    weight = random.standard_normal((groups, 3, 4 // groups * window[0] ** 2)).astype(np.float32)
    bias = random.standard_normal(groups * 3).astype(np.float32)
    taps, stride, padding, dilation = window
    height, width = (
        (size + 2 * padding - dilation * (taps - 1) - 1) // stride + 1 for size in (4, 5)
    )
    sizes = PoolSizes(2, (4, 5), (height, width), window)
    source, target = FloatPlace(3, 6, 1), FloatPlace(300, groups * 3 + 2, 2)
    expected: Any = cuda.to_device(values)
    weights = RealWeights.of(weight, bias, taps**2, RealTile(16, 32, 8))
    real_conv(expected, weights, source, target, sizes, is_relu=True)()
    conv = TorchConvolution(weight, bias, window, is_relu=True)
    if torch_convolution.is_usable():
        found: Any = cuda.to_device(values)
        conv.bind(found, source, target, sizes)()
        result = found.copy_to_host()
    else:
        memory = torch.from_numpy(values.copy())
        conv.bind(memory, source, target, sizes)()
        result = memory.numpy()
    np.testing.assert_allclose(result, expected.copy_to_host(), rtol=0, atol=1e-5)
