"""What processes that the benchmark starts have in common: environment and last words."""

from __future__ import annotations

import os
import sys

#: Variables by which libraries take the size of their own pools of threads.
_POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA")
#: Characters of a library's message that are told at most; some print whole graphs.
_MOST = 200


def environment(threads: int | None = None) -> dict[str, str]:
    """Return this process's environment and import path.

    Args:
        threads: What every library's own pool shall have; None leaves that to the library.
    """
    pools = {} if threads is None else {f"{pool}_NUM_THREADS": str(threads) for pool in _POOLS}
    path = os.pathsep.join(each for each in sys.path if each)
    return {**os.environ, **pools, "PYTHONPATH": path}


def one_line(text: str) -> str:
    """Return a message in one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST else f"{line[: _MOST - 1]}…"


def last_line(log: str) -> str:
    """Return the last line of what a process wrote, where Python names the error."""
    lines = [line for line in log.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else "it said nothing"
