"""Portable CPU kernels: plain loops that LLVM vectorises for whatever CPU it finds."""

from __future__ import annotations

from bnas.binops.kernels import Kernels
from bnas.binops.portable.conv import PortableConv
from bnas.binops.portable.gemm import gemm
from bnas.binops.portable.pack import pack_planes
from bnas.binops.portable.pool import max_pool2d

KERNELS = Kernels(pack_planes=pack_planes, gemm=gemm, conv2d=PortableConv, max_pool2d=max_pool2d)
