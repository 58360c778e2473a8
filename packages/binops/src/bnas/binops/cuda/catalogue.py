"""All kernels as compile checks see them."""

from __future__ import annotations

import importlib

from bnas.binops.cuda.launch import Specimen

#: Modules with a function `specimens()`, which returns those of one family of kernels.
FAMILIES = (
    "bnas.binops.cuda.probes",
    "bnas.binops.cuda.copy_kernels",
    "bnas.binops.cuda.regroup_kernels",
    "bnas.binops.cuda.row_kernels",
    "bnas.binops.cuda.pack_kernels",
    "bnas.binops.cuda.unpack_kernels",
    "bnas.binops.cuda.pool_kernels",
    "bnas.binops.cuda.popcount_gemm",
    "bnas.binops.cuda.gemm_kernels",
    "bnas.binops.cuda.conv_specimens",
    "bnas.binops.cuda.float_kernels",
    "bnas.binops.cuda.float_pack_kernel",
    "bnas.binops.cuda.pooling_kernels",
    "bnas.binops.cuda.real_conv_kernel",
    "bnas.binops.cuda.linear_kernel",
)


def specimens() -> tuple[Specimen, ...]:
    """Return the specimens of every family, in the order of `FAMILIES`.

    Raises:
        ValueError: Two have the same name.
    """
    found = [each for name in FAMILIES for each in importlib.import_module(name).specimens()]
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"specimens must have different names (got {', '.join(twice)} twice)")
    return tuple(found)
