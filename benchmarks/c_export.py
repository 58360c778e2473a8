"""Exported C files: their size, and how fast they run beside the packed network."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.c_compiler import CompilerError, find_compiler, run
from bnas import zoo
from bnas.zoo.c_export import c_source

_TIMER = Path(__file__).with_name("c_export.c")
NETWORKS = ("BNAS-Mini", "BNAS-A")
#: What the file is compiled with, besides -std=c99.
FLAGS = (
    ("-O2", "-march=native"),
    ("-O2", "-march=native", "-DBNAS_PORTABLE"),
    ("-O2",),
    ("-O2", "-DBNAS_UNFUSED"),
)
#: Sections of an object file that stay in flash as data.
_CONSTANT = (".rodata", ".data.rel.ro")
_TURN_S = 0.2

Tell = Callable[[str], None]


def measure(
    rounds: int, tell: Tell, networks: Sequence[str] = NETWORKS, turn_s: float = _TURN_S
) -> dict[str, Any]:
    """Return sizes in bytes and least times in ms; all contenders of a network take turns.

    Args:
        rounds: Turns of each contender.
        tell: Told what is going on.
        networks: Names of networks with weights.
        turn_s: How long a turn of the packed network lasts; one of a program takes 0.2 s.

    Raises:
        CompilerError: There is no C compiler, or no `size` (binutils), or one fails.
    """
    return {"networks": [_network(name, rounds, tell, turn_s) for name in networks]}


def _network(name: str, rounds: int, tell: Tell, turn_s: float) -> dict[str, Any]:
    network = zoo.load(name)
    source = c_source(network, prefix="net")
    images = np.ones((1, 3, *source.input_size), np.float32)
    network(images)
    with tempfile.TemporaryDirectory(prefix="bnas-bench-") as folder:
        source.save(Path(folder, "net.c"))
        tell(f"{name}: compiling")
        programs = [_compiled(Path(folder), number, flags) for number, flags in enumerate(FLAGS)]
        least_ms, times_ms = float("inf"), [float("inf")] * len(programs)
        for turn in range(rounds):
            tell(f"{name}: turn {turn + 1} of {rounds}")
            for number, program in enumerate(programs):
                taken_ms = float(run([program["path"]]))
                times_ms[number] = min(times_ms[number], taken_ms)
            least_ms = min(least_ms, _packed_ms(network, images, turn_s))
    builds = [
        {"flags": " ".join(flags), "min_ms": taken_ms, **program["sizes"]}
        for flags, taken_ms, program in zip(FLAGS, times_ms, programs, strict=True)
    ]
    return {
        "model": name,
        "source_bytes": len(source.text),
        "table_bytes": source.table_bytes,
        "static_bytes": source.static_bytes,
        "packed_ms": least_ms,
        "builds": builds,
    }


def _compiled(folder: Path, number: int, flags: tuple[str, ...]) -> dict[str, Any]:
    """Compile the file alone, for its sizes, and with the timer."""
    compiler, size = [find_compiler(), "-std=c99", *flags], shutil.which("size")
    if size is None:
        raise CompilerError("`size` (binutils) is needed: not found")
    program, alone = str(folder / f"program{number}"), str(folder / "net.o")
    run([*compiler, "-c", str(folder / "net.c"), "-o", alone])
    run([*compiler, f"-I{folder}", str(_TIMER), "-o", program])
    sections = [line.split() for line in run([size, "-A", alone]).splitlines()]
    bytes_of = {
        words[0]: int(words[1]) for words in sections if len(words) == 3 and words[1].isdecimal()
    }

    def together(*starts: str) -> int:
        return sum(count for name, count in bytes_of.items() if name.startswith(starts))

    sizes = {"code_bytes": together(".text"), "constant_bytes": together(*_CONSTANT)}
    return {"path": program, "sizes": {**sizes, "ram_bytes": together(".bss")}}


def _packed_ms(network: zoo.PackedNetwork, images: np.ndarray, turn_s: float) -> float:
    least_ms, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < turn_s:
        start = time.perf_counter()
        network(images, threads=1)
        least_ms = min(least_ms, 1e3 * (time.perf_counter() - start))
    return least_ms
