"""Kernels that count mismatches by table look-ups in vector registers, for several ISAs."""

from __future__ import annotations

import functools

from bnas.binops.kernels import Kernels
from bnas.binops.portable import KERNELS as PORTABLE
from bnas.binops.table.conv import conv2d
from bnas.binops.table.isa import ISAS


def kernels(name: str) -> Kernels:
    """The kernels of one instruction set.

    Args:
        name: Key of `ISAS`.

    Returns:
        The table convolution; what is not generated yet is the portable kernel.
    """
    return Kernels(
        pack_planes=PORTABLE.pack_planes,
        gemm=PORTABLE.gemm,
        conv2d=functools.partial(conv2d, ISAS[name]),
        max_pool2d=PORTABLE.max_pool2d,
    )
