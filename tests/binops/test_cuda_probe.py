"""Why CUDA cannot be used: every obstacle in one line, and never an error."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from bnas import binops
from bnas.binops import cuda_driver, cuda_probe, dispatch
from bnas.binops.errors import BackendUnavailableError


class Library:
    """A driver library: what its functions answer.

    Args:
        version: What it says that it runs, as CUDA writes it: 13000 is 13.0.
        devices: Compute capability of each GPU.
        errors: Function -> the error that it returns.
    """

    def __init__(self, version=13000, devices=((9, 0),), errors=()):
        self._version, self._devices, self._errors = version, devices, dict(errors)
        self.calls = []

    def __getattr__(self, name):
        if not name.startswith("cu"):
            raise AttributeError(name)

        def call(*arguments):
            self.calls.append(name)
            if name == "cuGetErrorString":
                arguments[1]._obj.value = {100: b"no CUDA-capable device", 2: None}.get(
                    arguments[0], b"device is lost"
                )
            elif name == "cuDriverGetVersion":
                arguments[0]._obj.value = self._version
            elif name == "cuDeviceGetCount":
                arguments[0]._obj.value = len(self._devices)
            elif name == "cuDeviceGetAttribute":
                arguments[0]._obj.value = self._devices[arguments[2]][arguments[1] - 75]
            return self._errors.get(name, 0)

        return call


@pytest.fixture
def obstacle(monkeypatch):
    """Ask for the obstacle of an installation that has all but what a test takes away."""

    def ask(library, toolkit="13.0.88", compiler=""):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
        monkeypatch.setattr(cuda_probe, "is_simulated", lambda: False)
        monkeypatch.setattr(cuda_probe, "Driver", lambda: cuda_driver.Driver(library))
        monkeypatch.setattr(cuda_probe, "_compiler_obstacle", lambda: compiler)
        monkeypatch.setattr(importlib.metadata, "version", lambda name: toolkit)
        return cuda_probe.cuda_obstacle()

    return ask


def test_nothing_stands_in_the_way_of_a_gpu_that_answers(obstacle):
    library = Library(devices=((6, 1), (8, 0)))
    assert obstacle(library) == ""
    assert library.calls[-2:] == ["cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2"]


@pytest.mark.parametrize(
    ("library", "message"),
    [
        (Library(version=12080), "it runs CUDA 12.8, and kernels are compiled by the toolkit 13.0"),
        (Library(version=12080), 'pip install "numba-cuda[cu12]"'),
        (Library(errors={"cuInit": 100}), "the NVIDIA driver finds no GPU"),
        (Library(devices=()), "the NVIDIA driver finds no GPU"),
        (Library(devices=((6, 1), (7, 0))), "compute capability is 7.0, and kernels need 7.5"),
        (
            Library(errors={"cuDevicePrimaryCtxRetain": 719}),
            "its driver says: device is lost (cuDevicePrimaryCtxRetain: error 719)",
        ),
        (Library(errors={"cuInit": 2}), "its driver says: unknown error (cuInit: error 2)"),
        (object(), "its driver says: it has no function cuDriverGetVersion"),
    ],
)
def test_the_driver_s_obstacles_are_told(obstacle, library, message):
    found = obstacle(library)
    assert message in found
    assert "\n" not in found


def test_a_newer_driver_runs_an_older_toolkit(obstacle):
    assert obstacle(Library(version=13000), toolkit="12.9.86") == ""


def test_a_compiler_that_is_not_there_is_told(obstacle):
    assert obstacle(Library(), compiler="numba-cuda cannot\ncompile") == "numba-cuda cannot compile"


def test_a_toolkit_that_came_another_way_is_not_judged(obstacle, monkeypatch):
    monkeypatch.setattr(cuda_probe, "_TOOLKITS", ())
    assert obstacle(Library(version=11000)) == ""


def test_the_compiler_is_looked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba.cuda.cudadrv.nvvm", None)
    found = cuda_probe._compiler_obstacle()
    assert "numba-cuda cannot compile" in found
    assert "bnas-binops[cuda]" in found


def test_no_numba_cuda_is_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cuda_probe.cuda_obstacle().startswith("numba-cuda is not installed; install it: pip")


def test_no_driver_is_told(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(cuda_probe, "is_simulated", lambda: False)
    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.setattr(ctypes, "WinDLL", missing, raising=False)
    assert "no NVIDIA driver was found" in cuda_probe.cuda_obstacle()


def test_the_simulator_is_told(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(cuda_probe, "is_simulated", lambda: True)
    assert "simulator is switched on; unset NUMBA_ENABLE_CUDASIM" in cuda_probe.cuda_obstacle()


@pytest.mark.parametrize(("value", "expected"), [("1", "True"), ("0", "False"), ("", "False")])
def test_the_simulator_is_seen_before_numba_is_loaded(monkeypatch, value, expected):
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", value)
    code = (
        "import sys; from bnas.binops.cuda_probe import is_simulated; "
        "print(is_simulated(), 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected, "False"]


def test_looking_for_a_gpu_loads_no_numba_cuda_where_there_is_none():
    code = (
        "import sys, bnas.binops; found = bnas.binops.backends()['cuda']; "
        "print(bool(found) or 'numba.cuda' not in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


class OnGpu:
    """An array that says that it lives on a GPU."""

    __cuda_array_interface__ = {"shape": (1, 1), "typestr": "<f4", "data": (0, False)}


def test_an_array_on_a_gpu_that_cannot_be_used_is_refused(monkeypatch):
    monkeypatch.setattr(dispatch, "is_simulated", lambda: False)
    monkeypatch.setattr(dispatch, "cuda_obstacle", lambda: "it is too hot")
    dispatch.gpu_operations.cache_clear()
    with pytest.raises(BackendUnavailableError, match="cannot be used: it is too hot; move them"):
        binops.pack(OnGpu())


def test_cuda_is_not_forced_on_arrays_of_the_host(monkeypatch):
    monkeypatch.setenv(dispatch.ENVIRONMENT_VARIABLE, "cuda")
    monkeypatch.setattr(dispatch, "cuda_obstacle", lambda: "")
    message = "names cuda, which cannot be used for arrays in host memory: arrays choose it"
    with pytest.raises(BackendUnavailableError, match=message):
        binops.gemm(np.ones((1, 1)), np.ones((1, 1)))
