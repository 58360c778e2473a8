"""What the CPU's instructions allow: compiles and runs ``ceiling.c``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).with_name("ceiling.c")


class CeilingError(RuntimeError):
    """No C compiler, or one that cannot compile the loops; one line."""


def measure(source: Path = _SOURCE) -> list[dict[str, Any]]:
    """Return bit-operations a cycle of every loop that this CPU can run, and its clock in GHz.

    Raises:
        CeilingError: There is no C compiler (the one that CC names, or cc), or it fails.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise CeilingError("a C compiler is needed (CC, or cc): none found")
    with tempfile.TemporaryDirectory(prefix="bnas-bench-") as folder:
        program = Path(folder, "ceiling")
        flags = ("-O3", "-march=native", "-o", str(program))
        _run([compiler, *flags, str(source)])
        return [json.loads(line) for line in _run([str(program)]).splitlines()]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join((done.stderr or f"exit status {done.returncode}").split())[:200]
        raise CeilingError(f"{Path(command[0]).name} failed: {words}")
    return done.stdout
