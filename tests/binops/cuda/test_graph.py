"""Capture: what the driver is asked, in which order, and what becomes of its errors."""

from __future__ import annotations

import contextlib
import enum
import gc
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numba import cuda

from bnas.binops.cuda import graph
from bnas.binops.cuda.float_kernels import Elementwise, FloatPlace, elementwise
from bnas.binops.errors import BackendUnavailableError


class Result(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1


class Driver:
    """A driver that notes what it is asked.

    Args:
        failing: The function that answers an error.
    """

    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_RELAXED="relaxed")

    def __init__(self, failing: str = "") -> None:
        self.asked: list[Any] = []
        self._failing = failing

    def CUstream(self, handle: int) -> str:  # noqa: N802
        return f"stream {handle}"

    def __getattr__(self, name: str) -> Any:
        def function(*arguments: Any) -> tuple[Any, ...]:
            self.asked.append((name, *arguments))
            error = Result(name == self._failing)
            return error, {"cuStreamEndCapture": "graph"}.get(name, "executable")

        return function


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Driver:
    """A driver in the place of NVIDIA's."""
    fake = Driver(getattr(request, "param", ""))
    monkeypatch.setattr(graph, "config", SimpleNamespace(ENABLE_CUDASIM=False))
    monkeypatch.setattr(
        graph,
        "cuda",
        SimpleNamespace(
            stream=lambda: SimpleNamespace(handle=7), defer_cleanup=contextlib.nullcontext
        ),
    )
    module = SimpleNamespace(binding=fake)
    monkeypatch.setitem(sys.modules, "numba.cuda.cudadrv.driver", module)
    return fake


def test_what_the_driver_is_asked(driver: Driver) -> None:
    queued: list[Any] = []
    run = graph.capture(lambda stream: queued.append(stream.handle))
    assert queued == [7]
    assert driver.asked == [
        ("cuStreamBeginCapture", "stream 7", "relaxed"),
        ("cuStreamEndCapture", "stream 7"),
        ("cuGraphInstantiate", "graph", 0),
        ("cuGraphDestroy", "graph"),
    ]
    driver.asked.clear()
    run(SimpleNamespace(handle=5))
    run()
    del run
    gc.collect()
    assert driver.asked == [
        ("cuGraphLaunch", "executable", "stream 5"),
        ("cuGraphLaunch", "executable", "stream 0"),
        ("cuGraphExecDestroy", "executable"),
    ]
    assert queued == [7]


@pytest.mark.parametrize(
    "driver", ["cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate"], indirect=True
)
def test_what_the_driver_refuses(driver: Driver) -> None:
    with pytest.raises(BackendUnavailableError, match="CUDA_ERROR_INVALID_VALUE"):
        graph.capture(lambda stream: None)


def test_a_capture_ends_even_if_queueing_fails(driver: Driver) -> None:
    def fails(stream: Any) -> None:
        raise ValueError("no kernel")

    with pytest.raises(ValueError, match="no kernel"):
        graph.capture(fails)
    assert driver.asked[-1][0] == "cuStreamEndCapture"


def test_launches_run_again_on_what_is_there_then() -> None:
    floats: Any = cuda.to_device(np.arange(6, dtype=np.float32))
    place = FloatPlace(0, 6)
    launch = elementwise(floats, Elementwise("add"), place, place, (1, 6))
    launch()
    run = graph.capture(launch)
    run()
    run()
    cuda.synchronize()
    np.testing.assert_array_equal(floats.copy_to_host(), np.arange(6) * 8)
