"""`using`: the right GPU, the caller's stream, and a GPU that gives up."""

from __future__ import annotations

import contextlib
import sys
import types

import attrs
import numpy as np
import pytest
from cuda.core._utils import cuda_utils  # By which numba-cuda launches.

from bnas.binops.cuda import arrays
from bnas.binops.errors import BackendUnavailableError, NanError


class CudaDriverError(Exception):
    """Stands in for Numba's."""


class CudaAPIError(CudaDriverError):
    """Stands in for Numba's."""


class CudaSupportError(ImportError):
    """Stands in for Numba's."""


class Stream:
    """A stream that tells when it is waited for."""

    def __init__(self, handle, waited):
        self.handle, self.waited = handle, waited

    def synchronize(self):
        self.waited.append(self.handle)


@pytest.fixture
def calls(monkeypatch):
    """Let `using` meet a Numba whose driver is made up; what it does is told here."""
    told = {"device": [], "waited": []}

    class Devices:
        def __getitem__(self, number):
            told["device"].append(number)
            return contextlib.nullcontext()

    fake = types.SimpleNamespace(
        gpus=Devices(),
        external_stream=lambda handle: Stream(handle, told["waited"]),
        default_stream=lambda: Stream(0, told["waited"]),
    )
    monkeypatch.setattr(arrays, "IS_SIMULATED", False)
    monkeypatch.setattr(arrays, "cuda", fake)
    names = {"CudaAPIError": CudaAPIError}
    module = types.SimpleNamespace(**names)
    monkeypatch.setitem(sys.modules, "numba.cuda.cudadrv.driver", module)
    names = {"CudaDriverError": CudaDriverError, "CudaSupportError": CudaSupportError}
    module = types.SimpleNamespace(**names)
    monkeypatch.setitem(sys.modules, "numba.cuda.cudadrv.error", module)
    return told


@pytest.fixture
def array(on_gpu):
    """An array on GPU 2 whose library queues on stream 7."""
    found = arrays.as_gpu_array(on_gpu(np.ones(3, np.float32)), "x")
    return attrs.evolve(found, device=2, stream=7)


def test_the_array_s_gpu_and_stream_are_used(array, calls):
    with arrays.using({"x": array}) as stream:
        assert stream.handle == 7
    assert calls == {"device": [2], "waited": []}


def test_the_default_stream_is_numba_s(array, calls):
    with arrays.using({"x": attrs.evolve(array, stream=0)}) as stream:
        assert stream == 0


@pytest.mark.parametrize("other", [0, 9])
def test_another_stream_is_waited_for(array, calls, other):
    with arrays.using({"a": array, "b": attrs.evolve(array, stream=other)}) as stream:
        assert stream.handle == 7
    assert calls["waited"] == [other]


@pytest.mark.parametrize(
    "kind", [CudaAPIError, CudaDriverError, CudaSupportError, cuda_utils.CUDAError]
)
def test_a_gpu_that_is_lost_is_told_in_the_driver_s_words(array, calls, kind):
    message = "the GPU could not be used: device is lost"
    with (
        pytest.raises(BackendUnavailableError, match=message) as caught,
        arrays.using({"x": array}),
    ):
        raise kind("device is lost")
    assert caught.value.reason == "device is lost"


def test_other_errors_pass(array, calls):
    with pytest.raises(NanError), arrays.using({"x": array}):
        raise NanError("a NaN")
