"""Kernels that repeat one instruction: what a GPU really issues a clock (benchmarks, not layers).

Every thread begins with values that the compiler does not know and ends with one word that hangs
on all results, so that nothing can be left out; it does so within two readings of the clock. All
take the same arguments: `words`, uint32 of 128 at least; `out`, uint32, one of each thread;
`cycles`, int64, one of each block; and the number of rounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numba import cuda, types

from bnas.binops.cuda import warp
from bnas.binops.cuda.cycles import clock
from bnas.binops.cuda.launch import CAPABILITIES, Specimen
from bnas.binops.cuda.shared_loads import ALIGNMENT, shared4

#: Independent results in flight a thread: enough to hide the latency of each instruction.
CHAINS = 8
_SUMS = 4 * CHAINS
#: Words of shared memory; a round of 256 words begins somewhere in the lower half.
_SHARED, _ROUND_WORDS, _LOWER_HALF = 4096, 256, 2047


@frozen(eq=False)
class Probe:
    """A kernel that repeats an instruction.

    Args:
        name: For tables.
        kernel: What `numba.cuda.jit` made.
        expects: As in `Specimen`.
        per_warp: How many instructions a warp issues in a round.
        work: What one of them does, of `unit`: bit multiply-accumulates, or bytes.
        unit: Of `work`.
    """

    name: str
    kernel: Any
    expects: dict[tuple[int, int], str]
    per_warp: int
    work: int
    unit: str


def _mma_probe(instruction: Any) -> Any:
    """A kernel of matrix instructions on fragments that stay in registers."""

    @cuda.jit
    def mma_probe(words: Any, out: Any, cycles: Any, rounds: Any) -> None:
        a0, a1, a2, a3 = warp.load4(words, np.uint32(cuda.threadIdx.x % 32 * 4))
        b0, b1 = a0 ^ a3, a1 ^ a2
        sums = cuda.local.array(_SUMS, np.int32)
        for part in range(_SUMS):
            sums[part] = part
        cuda.syncthreads()
        begun = clock()
        for _ in range(rounds):
            for chain in range(CHAINS):
                at = 4 * chain
                sums[at], sums[at + 1], sums[at + 2], sums[at + 3] = instruction(
                    a0, a1, a2, a3, b0, b1, sums[at], sums[at + 1], sums[at + 2], sums[at + 3]
                )
        total = np.int32(0)
        for part in range(_SUMS):
            total ^= sums[part]
        out[cuda.grid(1)] = np.uint32(total)
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            cycles[cuda.blockIdx.x] = clock() - begun

    return mma_probe


mma_and_probe: Any = _mma_probe(warp.mma_and)
mma_xor_probe: Any = _mma_probe(warp.mma_xor)


@cuda.jit
def popc_probe(words: Any, out: Any, cycles: Any, rounds: Any) -> None:
    """Population counts, each of the one before it and a key."""
    key = words[cuda.threadIdx.x % 128]
    values = cuda.local.array(CHAINS, np.uint32)
    for chain in range(CHAINS):
        values[chain] = chain
    cuda.syncthreads()
    begun = clock()
    for _ in range(rounds):
        for chain in range(CHAINS):
            values[chain] = np.uint32(cuda.popc(values[chain] ^ key))
    total = np.uint32(0)
    for chain in range(CHAINS):
        total ^= values[chain]
    out[cuda.grid(1)] = total
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cycles[cuda.blockIdx.x] = clock() - begun


@cuda.jit
def ballot_probe(words: Any, out: Any, cycles: Any, rounds: Any) -> None:
    """Votes about a comparison, each of the one before it."""
    key = np.int32(words[cuda.threadIdx.x % 128] & np.uint32(0x7FFFFFFF))
    values = cuda.local.array(CHAINS, np.int32)
    for chain in range(CHAINS):
        values[chain] = chain
    cuda.syncthreads()
    begun = clock()
    for _ in range(rounds):
        for chain in range(CHAINS):
            values[chain] = warp.ballot(values[chain] >= key)
    total = np.int32(0)
    for chain in range(CHAINS):
        total ^= values[chain]
    out[cuda.grid(1)] = np.uint32(total)
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cycles[cuda.blockIdx.x] = clock() - begun


@cuda.jit
def shared_probe(words: Any, out: Any, cycles: Any, rounds: Any) -> None:
    """Loads of one word a thread from shared memory, without conflicts of banks."""
    staged = cuda.shared.array(_SHARED, np.uint32)
    for index in range(cuda.threadIdx.x, _SHARED, cuda.blockDim.x):
        staged[index] = words[index % 128]
    cuda.syncthreads()
    total = np.uint32(0)
    begun = clock()
    for turn in range(rounds):
        at = (cuda.threadIdx.x + turn * _ROUND_WORDS) & _LOWER_HALF
        for chain in range(CHAINS):
            total ^= staged[at + chain * _ROUND_WORDS]
    out[cuda.grid(1)] = total
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cycles[cuda.blockIdx.x] = clock() - begun


@cuda.jit
def wide_shared_probe(words: Any, out: Any, cycles: Any, rounds: Any) -> None:
    """Loads of four words a thread from shared memory, without conflicts of banks."""
    staged = cuda.shared.array(_SHARED, np.uint32, alignment=ALIGNMENT)
    for index in range(cuda.threadIdx.x, _SHARED, cuda.blockDim.x):
        staged[index] = words[index % 128]
    cuda.syncthreads()
    total = np.uint32(0)
    begun = clock()
    for turn in range(rounds):
        at = (cuda.threadIdx.x * 4 + turn * 4 * _ROUND_WORDS) & _LOWER_HALF
        for chain in range(CHAINS):
            a, b, c, d = shared4(staged, np.uint32(at + chain * _ROUND_WORDS))
            total ^= a ^ b ^ c ^ d
    out[cuda.grid(1)] = total
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cycles[cuda.blockIdx.x] = clock() - begun


@cuda.jit
def global_probe(words: Any, out: Any, cycles: Any, rounds: Any) -> None:
    """Reads `words` from end to end `rounds` times, four words a load, four loads in flight.

    Their number must be a multiple of 16 times that of all threads.
    """
    step = cuda.gridsize(1) * 4
    total = np.uint32(0)
    begun = clock()
    for _ in range(rounds):
        at = cuda.grid(1) * 4
        while at < words.size:
            for part in range(4):
                a, b, c, d = warp.load4(words, np.uint32(at + part * step))
                total ^= a ^ b ^ c ^ d
            at += 4 * step
    out[cuda.grid(1)] = total
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cycles[cuda.blockIdx.x] = clock() - begun


@cuda.jit
def empty_probe(words: Any) -> None:
    """Nothing: what a launch costs."""


_MATRIX_BITS = 16 * 8 * 256
_WIDE = {(7, 5): "LDS.U.128", (8, 0): "LDS.128", (9, 0): "LDS.128"}
#: In the order of tables; reading global memory is apart, for it is as long as its array.
PROBES = (
    Probe(
        "mma.and m16n8k256",
        mma_and_probe,
        dict.fromkeys([(8, 0), (9, 0)], "BMMA.168256.AND"),
        per_warp=CHAINS,
        work=_MATRIX_BITS,
        unit="bit MAC",
    ),
    Probe(
        "mma.xor m16n8k256, as four of m8n8k128",
        mma_xor_probe,
        {(7, 5): "BMMA.88128.XOR", (8, 0): "BMMA.88128.XOR"},
        per_warp=CHAINS,
        work=_MATRIX_BITS,
        unit="bit MAC",
    ),
    Probe("popc", popc_probe, dict.fromkeys(CAPABILITIES, "POPC"), CHAINS, 32 * 32, "bit MAC"),
    Probe("ballot", ballot_probe, dict.fromkeys(CAPABILITIES, "VOTE"), CHAINS, 32, "bit"),
    Probe("LDS.32", shared_probe, dict.fromkeys(CAPABILITIES, "LDS"), CHAINS, 32 * 4, "byte"),
    Probe("LDS.128", wide_shared_probe, _WIDE, CHAINS, 32 * 16, "byte"),
)


def specimens() -> list[Specimen]:
    """Return the probes as compile checks see them."""
    arrays = [types.Array(kind, 1, "C") for kind in (types.uint32, types.uint32, types.int64)]
    signature = (*arrays, types.int32)
    found = [
        Specimen(f"probe {each.name}", each.kernel, signature, each.expects, most_registers=64)
        for each in PROBES
    ]
    wide = dict.fromkeys(CAPABILITIES, "LDG.E.128")
    return [*found, Specimen("probe global load", global_probe, signature, wide, 64)]
