"""What the tests of `bnas.search` share: a network of 10,000 weights and images of two colours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bnas import cells, search


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fix the number of threads: sums depend on it, and these networks gain nothing from more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_spec() -> cells.NetworkSpec:
    return cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"], num_cells=2, channels=4, num_classes=2
    )


@pytest.fixture(scope="session")
def coloured() -> Callable[[int, int], search.ImageSet]:
    """Make `coloured(count, seed)`: noise of 8x8 pixels, class 0 reddish and class 1 bluish."""

    def make(count: int, seed: int) -> search.ImageSet:
        source = torch.Generator().manual_seed(seed)
        images = torch.randint(0, 160, (count, 3, 8, 8), generator=source)
        labels = torch.randint(0, 2, (count,), generator=source)
        images[torch.arange(count), 2 * labels] += 80
        return search.ImageSet(images.to(torch.uint8), labels, ("red", "blue"))

    return make


@pytest.fixture(scope="session")
def data(coloured: Callable[[int, int], search.ImageSet]) -> search.TrainingData:
    return search.TrainingData(train=coloured(50, 1), holdout=coloured(30, 2))


@pytest.fixture
def full_memory() -> Callable[..., None]:
    """Stand in for a training step that finds the memory of the GPU full."""

    def step(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB")

    return step


class Killing:
    """Runs a piece of code as processes that are killed, and compares what they leave.

    Args:
        code: Of a process; it prints "begins" when it is about to run, then a line a report.
        bits: What a run has left in its directory.
    """

    def __init__(self, code: str, bits: Callable[[Path], dict[str, Any]]) -> None:
        self._code = code
        self._bits = bits

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a process, and wait until it is about to run."""
        worker = subprocess.Popen(
            [sys.executable, "-c", self._code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "begins\n"
        return worker

    def whole(self, directory: Path, *arguments: object) -> tuple[dict[str, Any], float]:
        """Run to the end; returns the bits that are left in the directory, and the seconds."""
        with self.start(*arguments) as worker:
            begun = time.monotonic()
            assert worker.wait(timeout=300) == 0
        return self._bits(directory), time.monotonic() - begun

    def kill(
        self, reports: int, seconds: float, *arguments: object, last: int | None = None
    ) -> int:
        """Start and kill so many seconds after so many reports, unless it ends; returns how.

        After `last` reports it does not wait for the seconds: it may run faster than was measured.
        """
        with self.start(*arguments) as worker:
            assert worker.stdout is not None
            for _ in range(reports):
                worker.stdout.readline()
            timer = threading.Timer(seconds, worker.kill)
            timer.start()
            for count, _ in enumerate(worker.stdout, reports + 1):
                if last is not None and count >= last:
                    break
            worker.kill()
            timer.cancel()
            status = worker.wait()
        assert status in (0, -signal.SIGKILL)
        return status

    def differences(self, directory: Path, expected: dict[str, Any]) -> list[str]:
        """Return the names of what a run has left with other bits than it should have."""
        found = self._bits(directory)
        assert found.keys() == expected.keys()
        return [
            name
            for name, value in expected.items()
            if not (
                torch.equal(value, found[name])
                if isinstance(value, torch.Tensor)
                else value == found[name]
            )
        ]


@pytest.fixture(scope="session")
def killing() -> type[Killing]:
    return Killing
