"""The dispatcher: what is there, what is chosen, and what forcing a backend does."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from bnas import binops
from bnas.binops.dispatch import ENVIRONMENT_VARIABLE, REGISTRY, Backend, choose_backend
from bnas.binops.errors import BackendUnavailableError, UnknownBackendError

# The extra may be missing: `make lowest` runs these tests with nothing but the wheel, too.
NO_CUDA = (
    "Numba's CUDA simulator"
    if importlib.util.find_spec("numba_cuda")
    else "numba-cuda is not installed"
)


@pytest.fixture(autouse=True)
def _no_forced_backend(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


def test_portable_is_available_and_cuda_says_why_not():
    found = binops.backends()
    assert set(found) == {"portable", "ssse3", "neon", "avx2", "avx512", "cuda"}
    assert found["portable"]
    assert found["portable"].available
    assert found["portable"].reason == ""
    assert not found["cuda"]
    assert found["cuda"].reason.startswith(NO_CUDA)


def test_the_widest_vectors_of_this_cpu_are_chosen():
    usable = [name for name, found in binops.backends().items() if found]
    order = ["avx512", "avx2", "neon", "ssse3", "portable"]
    assert choose_backend().name == next(name for name in order if name in usable)


def test_backends_print_as_a_sentence():
    found = binops.backends()
    assert repr(found["portable"]) == "available (needs nothing but Numba)"
    assert repr(found["cuda"]).startswith(f"unavailable: {NO_CUDA}")


def test_a_backend_whose_instructions_are_missing_names_them():
    backend = Backend("wide", 9, ("no-such-unit",), "a wide CPU", REGISTRY["portable"].load)
    assert not backend.availability()
    assert "lacks no-such-unit" in backend.availability().reason


def test_the_environment_forces_a_backend(monkeypatch):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "portable")
    assert choose_backend().name == "portable"
    assert binops.Conv2d(np.ones((1, 1, 1, 1)), (1, 2, 2)).backend == "portable"


@pytest.mark.parametrize(("value", "nearest"), [("portabel", "portable"), ("avx1024", "avx512")])
def test_an_unknown_backend_is_refused(monkeypatch, value, nearest):
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, value)
    known = "avx2, avx512, cuda, neon, portable, ssse3"
    with pytest.raises(UnknownBackendError, match=f"must be one of {known}") as caught:
        binops.gemm(np.ones((1, 1)), np.ones((1, 1)))
    assert ENVIRONMENT_VARIABLE in str(caught.value)
    assert caught.value.name == value
    assert f"did you mean {nearest}?" in str(caught.value)


def test_an_unavailable_backend_is_refused_with_its_reason():
    with pytest.raises(
        BackendUnavailableError, match=f"names cuda, which cannot be used: {NO_CUDA}"
    ):
        binops.Conv2d(np.ones((1, 1, 1, 1)), (1, 2, 2), backend="cuda")


def test_cpu_features_are_those_of_this_machine():
    features = binops.cpu_features()
    assert features.architecture
    assert features.name
    assert features.missing(features.features) == ()
    assert features.missing(("no-such-unit",)) == ("no-such-unit",)


def test_importing_loads_neither_torch_nor_hypothesis_nor_numba():
    code = (
        "import sys, bnas.binops; "
        "print([m for m in ('torch', 'hypothesis', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_jit_portable_kernels_are_python_and_no_others_run():
    script = (
        "import numpy as np; from bnas import binops; found = binops.backends();"
        "x = np.ones((2, 9)); print(*(name for name in found if found[name]));"
        "print(found['avx2'].reason); print(binops.gemm(x, x).tolist());"
        "print(binops.conv2d(x.reshape(2, 9, 1, 1), x.reshape(2, 9, 1, 1)).ravel())"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    run = [sys.executable, "-c", script]
    result = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    usable, reason, product, counts = result.stdout.splitlines()
    assert usable == "portable"
    assert "NUMBA_DISABLE_JIT" in reason
    assert (product, counts) == ("[[9, 9], [9, 9]]", "[9 9 9 9]")
