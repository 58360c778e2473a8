"""What the threads of a warp do together: the 1-bit matrix instruction, votes, wide loads.

Numba's CUDA simulator knows none of these instructions; there `bnas.binops.cuda.simulated` stands
in, with functions of the same names and results.

Fragments of the matrix instruction m16n8k256, for lane l with g = l // 4 and t = l % 4, in 32-bit
words of K: a0 is row g, word t; a1 row g + 8, word t; a2 row g, word t + 4; a3 row g + 8, word
t + 4; b0 is column g, word t; b1 column g, word t + 4. Sums: c0, c1 are row g, columns 2t, 2t + 1;
c2, c3 row g + 8, the same columns.

References:
    PTX ISA, "Matrix fragments for mma.m16n8k256" and "mma.m8n8k128"; "ld.global.nc"; "shfl.sync".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import cuda, types
from numba.core import cgutils, config

WARP = 32
#: Every lane of a warp takes part.
FULL = 0xFFFFFFFF

#: Decorator of device functions that must become part of their caller's code.
inlined: Any = cuda.jit(device=True, **({} if config.ENABLE_CUDASIM else {"forceinline": True}))


@inlined
def divide(number: Any, divisor: Any) -> Any:
    """Quotient and remainder of numbers of at most 32 bits, not negative, as int32.

    Numba divides signed numbers in 64 bits, which takes a GPU some hundred instructions.
    """
    quotient = np.uint32(number) // np.uint32(divisor)
    return np.int32(quotient), np.int32(np.uint32(number) - quotient * np.uint32(divisor))


if config.ENABLE_CUDASIM:
    from bnas.binops.cuda.simulated import (
        add_rn,
        ballot,
        load2,
        load4,
        mma_and,
        mma_xor,
        multiply_rn,
        quad_or,
        together,
    )
else:
    from numba.cuda import libdevice
    from numba.cuda.extending import intrinsic

    _WORD, _ADDRESS, _FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()
    _AND = "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc"
    _XOR = "mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.xor.popc"
    _MMA_TYPE = types.UniTuple(types.int32, 4)(*[types.uint32] * 6, *[types.int32] * 4)

    def _assembly(builder: Any, text: str, operands: Any, kind: Any, results: int) -> Any:
        """Emit an instruction of several results, and return these."""
        letters = ["f" if kind == _FLOAT else "r"] * results
        inputs = ["l" if operand.type == _ADDRESS else "r" for operand in operands]
        constraints = ",".join([f"={letter}" for letter in letters] + inputs)
        struct = ir.LiteralStructType([kind] * results)
        function = ir.FunctionType(struct, [operand.type for operand in operands])
        # What lanes do together must be neither moved nor doubled; loads may be.
        is_shared = "mma" in text
        code = ir.InlineAsm(function, text, constraints, side_effect=is_shared)
        call = builder.call(code, operands)
        if is_shared:
            call.attributes.add("convergent")
        return [builder.extract_value(call, index) for index in range(results)]

    def _load(context: Any, builder: Any, signature: Any, args: Any, count: int) -> Any:
        """Emit one load of several elements of an array that is only read."""
        array = context.make_array(signature.args[0])(context, builder, args[0])
        address = builder.ptrtoint(builder.gep(array.data, [args[1]]), _ADDRESS)
        is_float = signature.args[0].dtype == types.float32
        kind, name = (_FLOAT, "f32") if is_float else (_WORD, "u32")
        places = ",".join(f"${index}" for index in range(count))
        text = f"ld.global.nc.v{count}.{name} {{{places}}}, [${count}];"
        return cgutils.pack_array(builder, _assembly(builder, text, [address], kind, count))

    @intrinsic
    def mma_and(typingctx: Any, a0: Any, a1: Any, a2: Any, a3: Any, b0: Any, b1: Any,
                c0: Any, c1: Any, c2: Any, c3: Any) -> Any:  # fmt: skip
        """C + popcount(a & b) of a 16x8 tile over 256 bits: one instruction from sm_80 to sm_90."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            text = _AND + " {$0,$1,$2,$3}, {$4,$5,$6,$7}, {$8,$9}, {$10,$11,$12,$13};"
            return cgutils.pack_array(builder, _assembly(builder, text, args, _WORD, 4))

        return _MMA_TYPE, generate

    @intrinsic
    def mma_xor(typingctx: Any, a0: Any, a1: Any, a2: Any, a3: Any, b0: Any, b1: Any,
                c0: Any, c1: Any, c2: Any, c3: Any) -> Any:  # fmt: skip
        """C + popcount(a ^ b) of a 16x8 tile over 256 bits: four instructions of 8x8x128, sm_75."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            text = _XOR + " {$0,$1}, {$2}, {$3}, {$4,$5};"
            a, b, c = args[:4], args[4:6], list(args[6:])
            for half in (0, 1):
                for words in (0, 1):
                    operands = [a[half + 2 * words], b[words], *c[2 * half : 2 * half + 2]]
                    c[2 * half : 2 * half + 2] = _assembly(builder, text, operands, _WORD, 2)
            return cgutils.pack_array(builder, c)

        return _MMA_TYPE, generate

    @intrinsic
    def load4(typingctx: Any, words: Any, index: Any) -> Any:
        """Four words from `index` (uint64) on, a multiple of 4, of an array that is only read."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _load(context, builder, signature, args, 4)

        return types.UniTuple(words.dtype, 4)(words, types.uint64), generate

    @intrinsic
    def load2(typingctx: Any, values: Any, index: Any) -> Any:
        """Two int32 or float32 from `index` (uint64) on, a multiple of 2, of such an array."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _load(context, builder, signature, args, 2)

        return types.UniTuple(values.dtype, 2)(values, types.uint64), generate

    @cuda.jit(device=True)
    def multiply_rn(x: Any, y: Any) -> Any:
        """The float32 product, rounded by itself: never part of a fused multiply-add."""
        return libdevice.fmul_rn(x, y)

    @cuda.jit(device=True)
    def add_rn(x: Any, y: Any) -> Any:
        """The float32 sum, rounded by itself."""
        return libdevice.fadd_rn(x, y)

    @cuda.jit(device=True)
    def together() -> None:
        """Let all lanes of the warp arrive, as instructions of whole warps want it."""
        cuda.syncwarp()

    @cuda.jit(device=True)
    def ballot(bit: Any) -> Any:
        """One bit of each lane, lane l in bit l, as an int32."""
        return cuda.ballot_sync(FULL, bit)

    @cuda.jit(device=True)
    def quad_or(word: Any) -> Any:
        """OR of the words of four neighbouring lanes, in each of them."""
        found = np.int32(word)
        found |= cuda.shfl_xor_sync(FULL, found, 1)
        found |= cuda.shfl_xor_sync(FULL, found, 2)
        return np.uint32(found)


__all__ = [
    "FULL",
    "WARP",
    "add_rn",
    "ballot",
    "divide",
    "inlined",
    "load2",
    "load4",
    "mma_and",
    "mma_xor",
    "multiply_rn",
    "quad_or",
    "together",
]
