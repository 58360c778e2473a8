"""`PeakMemory`: the largest resident set of this process, above what it had at some moment."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Counts from its making on; to be made after the imports.

    Linux forgets the peak that the imports had; elsewhere a peak below theirs counts as 0.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):  # no Linux, or not allowed: the peak of the imports
            _CLEAR.write_text("5")
        self._before_bytes = _peak_bytes()

    def megabytes(self) -> float:
        """Return the peak above the beginning in MB (1 MB = 1,000,000 bytes), >= 0."""
        return max(0, _peak_bytes() - self._before_bytes) / 1e6


def _peak_bytes() -> int:
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
