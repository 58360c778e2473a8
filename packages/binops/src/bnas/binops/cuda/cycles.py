"""What only probes need: the clock of a multiprocessor.

References:
    PTX ISA, "%clock64".
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cuda, types
from numba.core import config

if config.ENABLE_CUDASIM:

    @cuda.jit(device=True)
    def clock() -> Any:
        """Nanoseconds, in place of cycles."""
        return np.int64(time.perf_counter_ns())

else:
    from numba.cuda.extending import intrinsic

    _LONG = ir.IntType(64)

    @intrinsic
    def clock(typingctx: Any) -> Any:
        """Cycles of this multiprocessor, int64; read in the order of the program."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = ir.FunctionType(_LONG, [])
            code = ir.InlineAsm(kind, "mov.u64 $0, %clock64;", "=l,~{memory}", side_effect=True)
            return builder.call(code, [])

        return types.int64(), generate


__all__ = ["clock"]
