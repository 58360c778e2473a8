"""Binary-network kernels: sign bits, matrix product, convolution and pooling on the CPU.

NumPy in, NumPy out. The bit convention is in `bnas.binops.bits`; the naive twin of every kernel
in `bnas.binops.oracles`; Hypothesis strategies in `bnas.binops.testing` (extra ``testing``).
"""

from __future__ import annotations

from bnas.binops.bits import BitTensor
from bnas.binops.convolution import Conv2d, conv2d
from bnas.binops.cpu import CpuFeatures, cpu_features
from bnas.binops.dispatch import Availability, backends
from bnas.binops.epilogues import Counts, Scale, Threshold
from bnas.binops.errors import BinopsError
from bnas.binops.matmul import gemm
from bnas.binops.packing import pack, unpack
from bnas.binops.pooling import max_pool2d
from bnas.binops.warming import warm_up

__all__ = [
    "Availability",
    "BinopsError",
    "BitTensor",
    "Conv2d",
    "Counts",
    "CpuFeatures",
    "Scale",
    "Threshold",
    "backends",
    "conv2d",
    "cpu_features",
    "gemm",
    "max_pool2d",
    "pack",
    "unpack",
    "warm_up",
]
