"""The C compiler of this machine: finding it, and running it and what it makes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path


class CompilerError(RuntimeError):
    """No C compiler, or it or its program fails; one line."""


def find_compiler() -> str:
    """Return the path of the compiler that CC names, or of cc.

    Raises:
        CompilerError: There is none.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise CompilerError("a C compiler is needed (CC, or cc): none found")
    return compiler


def run(command: Sequence[str]) -> str:
    """Return what a command writes.

    Raises:
        CompilerError: It cannot be run, or fails.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompilerError(f"{name} cannot be run ({error.strerror})") from error
    if done.returncode:
        words = " ".join((done.stderr or f"exit status {done.returncode}").split())[:200]
        raise CompilerError(f"{name} failed: {words}")
    return done.stdout
