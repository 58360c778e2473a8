"""`Compiled`: what a kernel is as machine code, and what of it does not hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from bnas.binops.cuda.launch import Specimen

#: Of every GPU since sm_70: 32-bit registers of an SM, and how many a warp takes at once.
SM_REGISTERS, REGISTER_UNIT = 65536, 256
#: Warps that an SM holds, by capability; 48 is the least of the others since sm_80.
SM_WARPS = {(7, 5): 32, (8, 0): 64, (9, 0): 64, (10, 0): 64}
_OTHER_SM_WARPS = 48
#: A line of nvdisasm: address, guard (`@!P0`), mnemonic.
_INSTRUCTION = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)", re.MULTILINE)


@frozen
class Compiled:
    """A kernel as machine code (SASS) of one capability.

    Attributes:
        name: Of the specimen.
        capability: As (9, 0).
        ptx: Its text before ptxas.
        registers: 32-bit registers a thread.
        spill_store_bytes: Bytes of code paths that write registers to memory, a thread.
        spill_load_bytes: Bytes that read them back.
        stack_bytes: Local memory a thread: spills, arrays that are not in registers, calls.
        shared_bytes: Static shared memory of a block.
        instructions: Mnemonic -> how often it stands in the code.
        expected: Beginning of the mnemonic that the specimen expects; empty if none.
        problems: What does not hold, one line each; none if all holds.
    """

    name: str
    capability: tuple[int, int]
    ptx: str = field(repr=False)
    registers: int
    spill_store_bytes: int
    spill_load_bytes: int
    stack_bytes: int
    shared_bytes: int
    instructions: Mapping[str, int] = field(repr=False)
    expected: str = ""
    problems: tuple[str, ...] = ()

    @property
    def expected_count(self) -> int:
        """How often the expected instruction stands in the code; all of them if none is named."""
        found = self.instructions.items()
        return sum(count for name, count in found if name.startswith(self.expected))

    @property
    def warps(self) -> int:
        """Warps that an SM has registers for at once."""
        unit = REGISTER_UNIT
        taken = max(unit, -(-self.registers * 32 // unit) * unit)
        return min(SM_WARPS.get(self.capability, _OTHER_SM_WARPS), SM_REGISTERS // taken)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the text of the PTX, for JSON."""
        names = ("name", "registers", "spill_store_bytes", "spill_load_bytes", "stack_bytes")
        return {
            "capability": "{}.{}".format(*self.capability),
            **{name: getattr(self, name) for name in names},
            "shared_bytes": self.shared_bytes,
            "warps": self.warps,
            "expected": self.expected,
            "expected_count": self.expected_count if self.expected else None,
            "instructions": dict(sorted(self.instructions.items())),
            "problems": list(self.problems),
        }


def read_compiled(
    specimen: Specimen, capability: tuple[int, int], ptx: str, told: str, code: str
) -> Compiled:
    """Read what the tools say of a kernel.

    Args:
        specimen: Its name, and what is expected.
        capability: It was compiled for.
        ptx: Its text before ptxas.
        told: What `ptxas -v` tells: figures of the kernel, and of functions that it calls.
        code: What `nvdisasm -c` writes.
    """

    def numbers(pattern: str) -> list[int]:
        return [int(number) for number in re.findall(pattern, told)]

    found = Compiled(
        name=specimen.name,
        capability=capability,
        ptx=ptx,
        registers=max(numbers(r"Used (\d+) registers"), default=0),
        spill_store_bytes=sum(numbers(r"(\d+) bytes spill stores")),
        spill_load_bytes=sum(numbers(r"(\d+) bytes spill loads")),
        stack_bytes=max(numbers(r"(\d+) bytes (?:stack frame|cumulative stack)"), default=0),
        shared_bytes=max(numbers(r"(\d+) bytes smem"), default=0),
        instructions=dict(Counter(_INSTRUCTION.findall(code))),
        expected=specimen.expects.get(capability, ""),
    )
    return evolve(found, problems=tuple(_problems(found, specimen.most_registers)))


def _problems(found: Compiled, most_registers: int) -> list[str]:
    problems = []
    if not found.registers or not found.instructions:
        problems.append("nothing could be read from what ptxas and nvdisasm wrote")
    if found.spill_store_bytes or found.spill_load_bytes:
        problems.append(
            f"spills {found.spill_store_bytes} bytes, reads {found.spill_load_bytes} back"
        )
    if found.stack_bytes:
        problems.append(f"{found.stack_bytes} bytes of stack: something is not in registers")
    if found.registers > most_registers:
        problems.append(f"takes {found.registers} registers, may take {most_registers}")
    if found.expected and not found.expected_count:
        problems.append(f"no instruction begins with {found.expected}")
    return problems
