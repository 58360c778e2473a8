"""Loads of 128 bits from shared memory, whatever the compiler sees of their alignment.

NVVM joins four loads of neighbouring words only where it can prove that they are, and its own
rewriting of places hides that from it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import cuda, types
from numba.core import cgutils, config

#: Bytes to which a shared array must be aligned for these; the simulator knows no alignment.
ALIGNMENT = None if config.ENABLE_CUDASIM else 16

if config.ENABLE_CUDASIM:

    @cuda.jit(device=True)
    def shared4(words: Any, index: Any) -> Any:
        """Four words from `index` on, a multiple of 4, of a shared array of `ALIGNMENT`."""
        assert index % 4 == 0, "a wide load must be aligned"
        assert index + 4 <= len(words), "a wide load must lie within its array"
        return words[index], words[index + 1], words[index + 2], words[index + 3]

else:
    from numba.cuda.extending import intrinsic

    _WORD = ir.IntType(32)
    _SHARED = 3  # NVVM's number of the address space

    @intrinsic
    def shared4(typingctx: Any, words: Any, index: Any) -> Any:
        """Four words from `index` on, a multiple of 4, of a shared array of `ALIGNMENT`."""
        signature = types.UniTuple(types.uint32, 4)(words, types.uint32)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            place = builder.gep(array.data, [builder.zext(args[1], ir.IntType(64))])
            place = builder.addrspacecast(place, ir.PointerType(_WORD, _SHARED))
            kind = ir.LiteralStructType([_WORD] * 4)
            # It may read memory, so it stays between the stores and barriers around it.
            code = ir.InlineAsm(
                ir.FunctionType(kind, [_WORD]),
                "ld.shared.v4.u32 {$0,$1,$2,$3}, [$4];",
                "=r,=r,=r,=r,r,~{memory}",
                side_effect=True,
            )
            found = builder.call(code, [builder.ptrtoint(place, _WORD)])
            parts = [builder.extract_value(found, part) for part in range(4)]
            return cgutils.pack_array(builder, parts)

        return signature, generate


__all__ = ["ALIGNMENT", "shared4"]
