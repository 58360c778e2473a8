"""What a user of `bnas.binops` writes, and the types that it has."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from bnas import binops


def signs(x: NDArray[np.float32]) -> NDArray[np.int32]:
    """Pack, pool and multiply."""
    bits = binops.pack(x, axis=1, threshold=np.zeros(x.shape[1], np.float32))
    assert_type(bits, binops.BitTensor)
    assert_type(bits.shape, tuple[int, ...])
    assert_type(bits.is_on_gpu, bool)
    assert_type(binops.max_pool2d(bits, 2, stride=(2, 2)), binops.BitTensor)
    assert_type(binops.unpack(bits), Any)
    assert_type(binops.gemm(np.ones((2, 8)), np.ones((3, 8))), NDArray[np.int32])
    return binops.conv2d(x, np.ones((4, x.shape[1], 3, 3)), padding=1)


def plan(x: NDArray[np.float32]) -> object:
    """Keep a plan, with an epilogue of each kind."""
    scale = binops.Scale(np.ones(4, np.float32), relu=True)
    cut = binops.Threshold(np.zeros(4, np.int32), np.zeros(4, np.bool_))
    conv = binops.Conv2d(np.ones((4, 8, 3, 3)), (8, 6, 6), epilogue=(binops.Counts(), cut, scale))
    assert_type(conv, binops.Conv2d)
    assert_type(conv.output_shape, tuple[int, int, int])
    try:
        return conv(x)
    except binops.BinopsError as error:
        return str(error)


def machine() -> str:
    """Look at the machine, compile ahead."""
    features = binops.cpu_features()
    assert_type(features, binops.CpuFeatures)
    found = binops.backends()
    assert_type(found, dict[str, binops.Availability])
    assert_type(binops.warm_up(), float)
    return features.name + ", ".join(name for name, each in found.items() if each)
