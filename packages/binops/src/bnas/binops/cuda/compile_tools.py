"""The assembler and the disassembler of CUDA: where they are, and running them."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

#: Tool -> the wheels that bring it: of CUDA 13, and of CUDA 12.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "ptxas": ("nvidia-cuda-nvcc", "nvidia-cuda-nvcc-cu12"),
    "nvdisasm": ("nvidia-cuda-nvdisasm", "nvidia-cuda-nvdisasm-cu12"),
}


class CompileToolError(RuntimeError):
    """A tool is not there, or refuses its input; one line."""


def find_tool(name: str) -> str:
    """Return the path of a tool: of its wheel, of the toolkit at CUDA_HOME, or on PATH.

    Wheels come first: the compiler (NVVM) of numba-cuda is a wheel too, and an assembler that is
    older than it refuses its output.

    Args:
        name: `"ptxas"` or `"nvdisasm"`.

    Raises:
        CompileToolError: It is nowhere.
    """
    homes = [os.environ[key] for key in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(key)]
    folders = [str(Path(home, "bin")) for home in homes]
    found = _in_wheels(name) or shutil.which(name, path=os.pathsep.join(folders) or os.devnull)
    found = found or shutil.which(name)
    if not found:
        raise CompileToolError(
            f"{name} must be on PATH, in CUDA_HOME or in a wheel (found nowhere); "
            f"install it: pip install {TOOLS[name][0]}"
        )
    return found


def _in_wheels(name: str) -> str | None:
    for wheel in TOOLS[name]:
        try:
            files = importlib.metadata.files(wheel) or ()
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            path = Path(str(file.locate()))
            if file.stem == name and os.access(path, os.X_OK):
                return str(path)
    return None


def run_tool(name: str, *arguments: str) -> str:
    """Run a tool and return all that it writes.

    Raises:
        CompileToolError: It is nowhere, or ends with an error.
    """
    command = [find_tool(name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join((done.stderr or done.stdout or f"exit status {done.returncode}").split())
        raise CompileToolError(f"{name} refuses its input: {words[:400]}")
    return done.stdout + done.stderr
