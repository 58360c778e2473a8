"""A contender's process: makes one subject, then takes a turn whenever it is told to.

Parent and process exchange one JSON object a line: the parent writes a job, then turns, then the
end; each is answered. Whatever libraries print goes to stderr, so that stdout holds answers alone.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from typing import IO, TYPE_CHECKING, Any

from bnas.tools.bench.jobs import Job, Subject
from bnas.tools.bench.memory import PeakMemory

if TYPE_CHECKING:
    import numpy as np  # Not before memory is looked at: it is a contender's own.

#: After the first call, calls that tell how long one takes: at most so many, and so long together.
_TRIALS, _TRIAL_S = 5, 0.3
#: A turn begins with a call that is not timed, for the caches another process has filled, unless a
#: call takes longer than this: then it makes no difference.
_LONG_CALL_S = 0.2


class Runner:
    """A subject and its next input."""

    def __init__(self, job: Job) -> None:
        """Import, draw the inputs, make the subject and call it once; the last two are timed."""
        for name in job.modules:
            importlib.import_module(name)
        factory = _factory(job.factory)
        inputs = draw_inputs(job)
        self.memory: PeakMemory = PeakMemory()
        begun = time.perf_counter()
        self.subject: Subject = factory(inputs=inputs, threads=job.threads, **job.arguments)
        self._next: Iterator[Any] = cycle(self.subject.inputs)
        first = self.subject.call(next(self._next))
        self.warmup_s: float = time.perf_counter() - begun
        self.output: np.ndarray = self.subject.output(first)
        self.call_s: float = self._try()

    def _try(self) -> float:
        begun, best = time.perf_counter(), float("inf")
        for _ in range(_TRIALS):
            best = min(best, self._timed())
            if time.perf_counter() - begun > _TRIAL_S:
                break
        return best

    def peak_mb(self) -> float:
        """Return the peak memory so far, MB."""
        own = self.subject.peak_mb
        return own() if own is not None else self.memory.megabytes()

    def turn(self, calls: int) -> list[float]:
        """Return the milliseconds of each of `calls` calls, or of one of their equal parts."""
        if self.call_s < _LONG_CALL_S:
            self._timed()
        return [1e3 * self._timed() / self.subject.parts for _ in range(calls)]

    def _timed(self) -> float:
        call, given = self.subject.call, next(self._next)
        if self.subject.seconds is not None:
            return self.subject.seconds(given)
        begun = time.perf_counter()
        call(given)
        return time.perf_counter() - begun


def draw_inputs(job: Job) -> list[Any]:
    """Return the job's inputs: normal float32 arrays, the same in every process."""
    import numpy as np

    source = np.random.default_rng(0)
    return [source.standard_normal(job.input_shape, np.float32) for _ in range(job.inputs)]


def _factory(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer requests until they end."""
    runner: Runner | None = None
    for line in requests:
        request = json.loads(line)
        try:
            if "job" in request:
                runner = _started(request["job"])
                answer = _readiness(runner)
            else:
                assert runner is not None
                answer = {"times_ms": runner.turn(request["turn"])} if "turn" in request else {}
                answer["peak_mb"] = runner.peak_mb()
        except Exception as error:  # told to the parent, which tells it to the user in one line
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _started(job: dict[str, Any]) -> Runner:
    sys.path[:0] = job["folders"]
    return Runner(Job(**job))


def _readiness(runner: Runner) -> dict[str, Any]:
    import numpy as np

    output = np.ascontiguousarray(runner.output, np.float32)
    return {
        "warmup_s": runner.warmup_s,
        "call_s": runner.call_s,
        "note": runner.subject.note,
        "shape": output.shape,
        "output": base64.b64encode(output.tobytes()).decode("ascii"),
    }


def main() -> None:
    """Keep stdout for the answers and serve."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
