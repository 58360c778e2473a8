"""What only probes need: the clock of a multiprocessor, and wide loads from shared memory.

References:
    PTX ISA, "%clock64"; "ld"; "cvta".
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cuda, types
from numba.core import cgutils, config

if config.ENABLE_CUDASIM:

    @cuda.jit(device=True)
    def clock() -> Any:
        """Nanoseconds, in place of cycles."""
        return np.int64(time.perf_counter_ns())

    @cuda.jit(device=True)
    def load4_shared(words: Any, index: Any) -> Any:
        """Twin of the instruction; refuses what that would fault at."""
        assert index % 4 == 0, "a wide load must be aligned"
        return words[index], words[index + 1], words[index + 2], words[index + 3]

else:
    from numba.cuda.extending import intrinsic

    _WORD, _LONG = ir.IntType(32), ir.IntType(64)

    @intrinsic
    def clock(typingctx: Any) -> Any:
        """Cycles of this multiprocessor, int64; read in the order of the program."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            function = ir.FunctionType(_LONG, [])
            code = ir.InlineAsm(function, "mov.u64 $0, %clock64;", "=l,~{memory}", side_effect=True)
            return builder.call(code, [])

        return types.int64(), generate

    @intrinsic
    def load4_shared(typingctx: Any, words: Any, index: Any) -> Any:
        """Four words of a shared array from `index` on, a multiple of 4: one instruction."""
        signature = types.UniTuple(types.uint32, 4)(words, types.uint32)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            place = builder.gep(array.data, [builder.zext(args[1], _LONG)])
            kind = ir.LiteralStructType([_WORD] * 4)
            text = (
                "{ .reg .u64 at; cvta.to.shared.u64 at, $4; ld.shared.v4.u32 {$0,$1,$2,$3}, [at]; }"
            )
            code = ir.InlineAsm(
                ir.FunctionType(kind, [_LONG]), text, "=r,=r,=r,=r,l", side_effect=True
            )
            found = builder.call(code, [builder.ptrtoint(place, _LONG)])
            parts = [builder.extract_value(found, part) for part in range(4)]
            return cgutils.pack_array(builder, parts)

        return signature, generate


__all__ = ["clock", "load4_shared"]
