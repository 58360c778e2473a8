"""What the CPU's instructions allow: compiles and runs ``ceiling.c``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.c_compiler import find_compiler, run

_SOURCE = Path(__file__).with_name("ceiling.c")


def measure(source: Path = _SOURCE) -> list[dict[str, Any]]:
    """Return bit-operations a cycle of every loop that this CPU can run, and its clock in GHz.

    Raises:
        CompilerError: There is no C compiler, or it fails.
    """
    compiler = find_compiler()
    with tempfile.TemporaryDirectory(prefix="bnas-bench-") as folder:
        program = Path(folder, "ceiling")
        flags = ("-O3", "-march=native", "-o", str(program))
        run([compiler, *flags, str(source)])
        return [json.loads(line) for line in run([str(program)]).splitlines()]
