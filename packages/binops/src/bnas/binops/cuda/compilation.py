"""What kernels become on a GPU, seen without one: registers, spills, instructions.

    python -m bnas.binops.cuda.compilation --capability 9.0

compiles every kernel of `bnas.binops.cuda.catalogue` with NVVM to PTX and with ptxas to machine
code (SASS), looks into that, and ends with 1 where something does not hold. It needs numba-cuda, a
wheel of NVVM, and the tools of `bnas.binops.cuda.compile_tools`; neither a GPU nor a driver.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from numba.core import config

from bnas.binops.cuda.compile_tools import CompileToolError, run_tool
from bnas.binops.cuda.compiled import Compiled, read_compiled
from bnas.binops.cuda.launch import Specimen

_HEADINGS = ("kernel", "registers", "warps", "spills", "stack", "shared", "expected", "times")


def compile_specimen(specimen: Specimen, capability: tuple[int, int]) -> Compiled:
    """Compile a kernel for a capability, and look whether it is as its specimen says.

    Args:
        specimen: Kernel, argument types, and what is expected.
        capability: As (9, 0); need not be among `specimen.expects`.

    Raises:
        CompileToolError: A tool is not there, or the simulator stands in for the compiler.
    """
    _check_no_simulator()
    return _assembled(specimen, capability, _ptx(specimen, capability))


def compile_all(specimens: Sequence[Specimen], capability: tuple[int, int]) -> list[Compiled]:
    """Compile kernels: NVVM makes the next one while ptxas and nvdisasm work on those before it.

    Args:
        specimens: What to compile.
        capability: As (9, 0).

    Raises:
        CompileToolError: As `compile_specimen`.
    """
    _check_no_simulator()
    with ThreadPoolExecutor() as pool:
        found = [pool.submit(_assembled, s, capability, _ptx(s, capability)) for s in specimens]
    return [each.result() for each in found]


def _check_no_simulator() -> None:
    if config.ENABLE_CUDASIM:
        raise CompileToolError(
            "kernels must be compiled in a process without Numba's simulator "
            "(got NUMBA_ENABLE_CUDASIM=1); set it to 0 before numba is imported"
        )


def _assembled(specimen: Specimen, capability: tuple[int, int], ptx: str) -> Compiled:
    """Let ptxas and nvdisasm work on the text of a kernel."""
    with tempfile.TemporaryDirectory(prefix="bnas-ptx-") as folder:
        source, cubin = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(ptx, encoding="utf-8")
        options = ["-v", f"-arch=sm_{capability[0]}{capability[1]}"]
        if limit := specimen.kernel.targetoptions.get("max_registers"):
            options.append(f"-maxrregcount={limit}")
        told = run_tool("ptxas", *options, str(source), "-o", str(cubin))
        code = run_tool("nvdisasm", "-c", str(cubin))
    return read_compiled(specimen, capability, ptx, told, code)


def _ptx(specimen: Specimen, capability: tuple[int, int]) -> str:
    from numba import cuda

    options = specimen.kernel.targetoptions
    with _compiling_for(capability):
        text, _ = cuda.compile(
            specimen.kernel.py_func,
            specimen.signature,
            cc=capability,
            output="ptx",
            device=False,
            abi="numba",
            fastmath=options.get("fastmath", False),
            opt=options.get("opt", True),
            launch_bounds=options.get("launch_bounds"),
        )
    return str(text)


@contextmanager
def _compiling_for(capability: tuple[int, int]) -> Iterator[None]:
    """Let numba-cuda believe in a GPU of a capability.

    Compiling a device function asks the driver which GPU it is for, and compiling anything asks
    NVRTC, which is not needed otherwise, what it supports.
    """
    from numba.cuda import dispatcher
    from numba.cuda.cudadrv import nvrtc

    gpu = SimpleNamespace(compute_capability=capability)
    with (
        mock.patch.object(dispatcher, "get_current_device", lambda: gpu),
        mock.patch.object(nvrtc.config, "FORCE_CUDA_CC", capability),
    ):
        yield


def read_capability(text: str) -> tuple[int, int]:
    """Read a capability such as 9.0.

    Raises:
        ArgumentTypeError: It is none.
    """
    major, point, minor = text.partition(".")
    if not point or not major.isdecimal() or not minor.isdecimal():
        raise argparse.ArgumentTypeError(f"must be like 9.0 (got {text!r})")
    return int(major), int(minor)


def format_table(found: Sequence[Compiled]) -> str:
    """Return one row a kernel, and its problems below it."""
    rows = [_row(each) for each in found]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, strict=True)
        text = [c.rjust(w) if 0 < i != 6 else c.ljust(w) for i, (c, w) in enumerate(cells)]
        return "  ".join(text).rstrip()

    lines = [line(_HEADINGS)]
    for each, row in zip(found, rows, strict=True):
        lines += [line(row), *(f"  ! {problem}" for problem in each.problems)]
    return "\n".join(lines)


def _row(each: Compiled) -> tuple[str, ...]:
    numbers = (each.registers, each.warps, each.spill_store_bytes, each.stack_bytes)
    times = str(each.expected_count) if each.expected else "-"
    return (
        each.name, *map(str, numbers), str(each.shared_bytes), each.expected or "-", times
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile all specimens of capabilities; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bnas.binops.cuda.compilation",
        description="Compile every CUDA kernel, without a GPU, and look into the machine code.",
    )
    parser.add_argument(
        "--capability", type=read_capability, action="append", metavar="9.0",
        help="may be given again: the second one takes half the time",
    )  # fmt: skip
    parser.add_argument("--only", default="", metavar="TEXT", help="kernels whose name has it")
    parser.add_argument("--json", action="store_true", help="write records, not a table")
    asked = parser.parse_args(arguments)
    try:
        from bnas.binops.cuda.catalogue import specimens

        found = []
        for capability in asked.capability or [(9, 0)]:
            chosen = [s for s in specimens() if capability in s.expects and asked.only in s.name]
            if not chosen:
                raise CompileToolError(
                    "no specimen is for `--capability` with `--only` in its name"
                )
            found += compile_all(chosen, capability)
    except CompileToolError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    table = (
        json.dumps([c.to_dict() for c in found], indent=2) if asked.json else format_table(found)
    )
    sys.stdout.write(f"{table}\n")
    return 1 if any(each.problems for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
