"""Kernels that repeat one instruction: what a GPU really issues a clock (benchmarks, not layers).

Every thread begins with values that the compiler does not know and ends with one word that hangs
on all results, so that nothing can be left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types

from bnas.binops.cuda import warp
from bnas.binops.cuda.launch import Specimen

#: Independent results in flight a thread: enough to hide the latency of each instruction.
CHAINS = 8
_SUMS = 4 * CHAINS
WORDS = types.Array(types.uint32, 1, "C")


def _mma_probe(instruction: Any) -> Any:
    """A kernel of matrix instructions on fragments that stay in registers."""

    @cuda.jit
    def mma_probe(words: Any, out: Any, rounds: Any) -> None:
        thread = cuda.grid(1)
        a0, a1, a2, a3 = warp.load4(words, np.uint32(cuda.threadIdx.x % 32 * 4))
        b0, b1 = a0 ^ a3, a1 ^ a2
        sums = cuda.local.array(_SUMS, np.int32)
        for part in range(_SUMS):
            sums[part] = part
        for _ in range(rounds):
            for chain in range(CHAINS):
                at = 4 * chain
                sums[at], sums[at + 1], sums[at + 2], sums[at + 3] = instruction(
                    a0, a1, a2, a3, b0, b1, sums[at], sums[at + 1], sums[at + 2], sums[at + 3]
                )
        total = np.int32(0)
        for part in range(_SUMS):
            total ^= sums[part]
        out[thread] = total

    return mma_probe


mma_and_probe = _mma_probe(warp.mma_and)
mma_xor_probe = _mma_probe(warp.mma_xor)


def specimens() -> list[Specimen]:
    """The probes as compile checks see them."""
    signature = (WORDS, types.Array(types.int32, 1, "C"), types.int32)
    return [
        Specimen(
            "probe mma and",
            mma_and_probe,
            signature,
            {(8, 0): "BMMA.168256.AND", (9, 0): "BMMA.168256.AND"},
            most_registers=64,
        ),
        Specimen(
            "probe mma xor", mma_xor_probe, signature, {(7, 5): "BMMA.88128"}, most_registers=64
        ),
    ]
