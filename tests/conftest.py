"""What every test may use: Hypothesis profiles, golden data by name, a cache folder of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import numpy as np
import pytest

GOLDEN = Path(__file__).parent / "golden"

# No deadline: the first example of a kernel's test compiles the kernel. CI draws the same examples
# every time, so that a red run means a change in the tree; development draws new ones.
hypothesis.settings.register_profile("dev", deadline=None, print_blob=True)
hypothesis.settings.register_profile(
    "ci", deadline=None, print_blob=True, derandomize=True, max_examples=50
)
# `make nightly` gives every test of a kernel its share of 100,000 cases; by hand it is this number.
# A busy machine draws slowly, which is no fault of a test.
hypothesis.settings.register_profile(
    "nightly",
    deadline=None,
    print_blob=True,
    max_examples=2000,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
_DEFAULT_PROFILE = "ci" if os.environ.get("CI") == "true" else "dev"
hypothesis.settings.load_profile(os.environ.get("BNAS_TEST_PROFILE") or _DEFAULT_PROFILE)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Let kernels for GPUs run in Numba's simulator, unless tests that need a GPU are asked for.

    Numba reads this when it is first imported, which may be by the conftest of a folder below.
    So no later hook will do: pytest calls this one as soon as it has read this file.
    """
    config = pluginmanager.get_plugin("pytestconfig")
    assert config is not None
    if config.known_args_namespace.markexpr != "gpu":
        os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")


@pytest.fixture(scope="session", autouse=True)
def bnas_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the cache of the machine's user out of the tests, and the tests out of that cache."""
    home = tmp_path_factory.mktemp("bnas_home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BNAS_HOME", str(home))
        patch.delenv("BNAS_OFFLINE", raising=False)
        patch.delenv("BNAS_WEIGHTS", raising=False)
        yield home


@pytest.fixture(scope="session")
def golden() -> Callable[[str], dict[str, np.ndarray]]:
    """Load `golden(name)`: every array of tests/golden/<name>.npz under its key."""

    def load(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    return load


@pytest.fixture(scope="session")
def golden_json() -> Callable[[str], Any]:
    """Load `golden_json(name)`: the content of tests/golden/<name>.json."""

    def load(name: str) -> Any:
        return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))

    return load


@pytest.fixture(scope="session")
def quick_simulator() -> Iterator[None]:
    """Let the threads of simulated blocks sleep while they wait: `tests/simulator.py`."""
    if os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
        yield
        return
    with _beside("simulator").sleeping_threads():
        yield


@pytest.fixture(scope="session")
def array_docs() -> ModuleType:
    """Shapes and dtypes in docstrings, executed: `tests/array_docs.py`."""
    return _beside("array_docs")


@pytest.fixture(scope="session", autouse=True)
def held_to_docstrings(array_docs: ModuleType) -> Iterator[None]:
    """Hold every call of a public function on arrays to what its docstring says of them."""
    with pytest.MonkeyPatch.context() as patch:
        array_docs.hold(patch, sys.modules)
        yield


def _beside(name: str) -> ModuleType:
    """Load a file of this folder, which is on no path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Where classes look up the names in their annotations.
    spec.loader.exec_module(module)
    return module
