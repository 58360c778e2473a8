"""`Contender`: a process that takes turns, seen from the parent."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from attrs import asdict

from bnas.tools.bench.child import environment, last_line, one_line
from bnas.tools.bench.errors import ContenderError
from bnas.tools.bench.jobs import Job

if TYPE_CHECKING:
    import numpy as np

#: A contender that has not answered for so long is given up. torch.compile takes minutes.
PATIENCE_S = 600.0


class Contender:
    """A process of one's own for one job: its allocator, its threads and its memory are its own.

    Attributes:
        name: For tables.
        warmup_s: Seconds from the imports' end to the first result.
        call_s: Seconds that a later call takes, about.
        note: What the job's subject tells its readers.
        peak_mb: Peak memory above the imports so far, MB.

    Raises:
        ContenderError: It cannot be made; the message says why in one line.
    """

    def __init__(self, name: str, job: Job, patience_s: float = PATIENCE_S) -> None:
        """Start the process and wait until it has called its subject once."""
        self.name = name
        self._patience_s = patience_s
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bnas.tools.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
            env=environment(job.threads),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        assert self._process.stdout is not None
        self._reader = threading.Thread(
            target=_forward, args=(self._process.stdout, self._lines), daemon=True
        )
        self._reader.start()
        try:
            ready = self._ask({"job": asdict(job)})
        except BaseException:
            self.close()
            raise
        self.warmup_s: float = ready["warmup_s"]
        self.call_s: float = ready["call_s"]
        self.note: str = ready["note"]
        self.peak_mb: float = 0.0
        self._output, self._shape = ready["output"], ready["shape"]

    @property
    def output(self) -> np.ndarray:
        """What the first call returned, float32."""
        import numpy as np

        return np.frombuffer(base64.b64decode(self._output), np.float32).reshape(self._shape)

    def turn(self, calls: int) -> list[float]:
        """Return the milliseconds of each of `calls` calls.

        Raises:
            ContenderError: The process failed or ended.
        """
        answer = self._ask({"turn": calls})
        self.peak_mb = answer["peak_mb"]
        times_ms: list[float] = answer["times_ms"]
        return times_ms

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=self._patience_s)
        except queue.Empty:
            self._process.kill()
            raise ContenderError(
                f"{self.name}: no answer within {self._patience_s:.0f} s"
            ) from None
        except OSError:
            line = ""
        if not line:
            raise ContenderError(f"{self.name}: its process ended ({self._last_words()})")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ContenderError(f"{self.name}: {one_line(answer['error'])}")
        return answer

    def _last_words(self) -> str:
        """Return the exit status and the last line that the process wrote."""
        status = self._process.wait()
        self._log.seek(0)
        return f"exit status {status}: {last_line(self._log.read())}"


def _forward(lines: IO[str], into: queue.Queue[str]) -> None:
    for line in lines:
        into.put(line)
    into.put("")


@contextlib.contextmanager
def closing_all(contenders: Sequence[Contender]) -> Iterator[None]:
    """End all processes on leaving, those too that join the list meanwhile."""
    try:
        yield
    finally:
        for contender in contenders:
            contender.close()
