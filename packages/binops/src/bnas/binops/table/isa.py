"""The instruction sets that the table kernels are generated for.

Numba compiles one Python kernel once for every *type* of its arguments, and caches it by these. So
an instruction set is a type: the kernels take a tuple of it (`Avx512()`, …) as first argument, and
what is generated inside follows from its class. A global constant would not do: Numba's disk cache
does not know the values of globals.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs
from llvmlite import ir

from bnas.binops.table.lanes import I8, I32, Lanes, call


class Avx512(NamedTuple):
    """64 lanes: x86-64 with AVX-512BW and BMI2, which came before it."""

    lanes: int = 64


class Avx2(NamedTuple):
    """32 lanes: x86-64 with AVX2."""

    lanes: int = 32


class Ssse3(NamedTuple):
    """16 lanes: x86-64 with SSSE3."""

    lanes: int = 16


class Neon(NamedTuple):
    """16 lanes: AArch64."""

    lanes: int = 16


class Generic(NamedTuple):
    """16 lanes, without a byte shuffle: any CPU."""

    lanes: int = 16


Tag = Avx512 | Avx2 | Ssse3 | Neon | Generic


@attrs.frozen
class Isa:
    """What the generator must know of an instruction set.

    Args:
        name: Name of the backend.
        tag: The tuple that stands for it in kernels.
        features: LLVM's names of what it needs.
        shuffle: LLVM's name of the byte shuffle that gives 0 for an index of 0x80; empty if none.
        triple: LLVM's name of a machine that has it.
        fuses: Whether multiply and add are one instruction.
    """

    name: str
    tag: Tag
    features: tuple[str, ...]
    shuffle: str
    triple: str
    fuses: bool = True

    @property
    def lanes(self) -> int:
        """Bytes of a vector."""
        return self.tag.lanes

    def look_up(self, table: Lanes, index: Lanes) -> Lanes:
        """Look every byte of `index` up in the 16-byte table; 0x80 gives 0."""
        if self.shuffle:
            return call(table.builder, self.shuffle, ir.VectorType(I8, self.lanes), table, index)
        builder, found = table.builder, index & 15
        for lane in range(self.lanes):
            place = builder.extract_element(found.value, I32(lane))
            entry = builder.extract_element(table.value, builder.zext(place, I32))
            found = Lanes(builder, builder.insert_element(found.value, entry, I32(lane)))
        return (index & 0x80).equals(0).choose(found, index & 0)


ISAS = {
    isa.name: isa
    for isa in (
        Isa(
            "avx512",
            Avx512(),
            ("avx512bw", "bmi2"),
            "llvm.x86.avx512.pshuf.b.512",
            "x86_64-linux-gnu",
        ),
        Isa("avx2", Avx2(), ("avx2", "fma"), "llvm.x86.avx2.pshuf.b", "x86_64-linux-gnu"),
        Isa("ssse3", Ssse3(), ("ssse3",), "llvm.x86.ssse3.pshuf.b.128", "x86_64-linux-gnu", False),
        Isa("neon", Neon(), ("neon",), "llvm.aarch64.neon.tbl1.v16i8", "aarch64-linux-gnu"),
    )
}
#: For networks on a CPU that has none of these: right, but slow.
GENERIC = Isa("generic", Generic(), (), "", "x86_64-linux-gnu", False)
_BY_TAG = {type(isa.tag): isa for isa in (*ISAS.values(), GENERIC)}


def isa_of(tag: type) -> Isa:
    """The instruction set that a tuple class stands for."""
    return _BY_TAG[tag]
