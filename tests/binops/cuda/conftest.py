"""Arrays on a GPU, or on Numba's simulated one; every test here runs on either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


class Foreign:
    """An array of a library that nobody knows, by ``__cuda_array_interface__``.

    Args:
        array: Numba's device array that it shows.
        changes: Entries of the interface to show instead.
    """

    def __init__(self, array: Any, **changes: Any) -> None:
        self._array = array
        self._changes = changes

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        array = self._array
        name = "__cuda_array_interface__"
        shown = getattr(array, name if hasattr(array, name) else "__array_interface__")
        return {**shown, "version": 3, **self._changes}


@pytest.fixture(
    autouse=True, scope="session", params=["simulator", pytest.param("gpu", marks=pytest.mark.gpu)]
)
def machine(request: pytest.FixtureRequest, quick_simulator: None) -> str:
    """What kernels run on; only one of them is asked for in a run of the tests."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def on_gpu() -> Callable[[Any], Any]:
    """Copy a NumPy array to the GPU, as Numba's."""
    from numba import cuda

    return lambda array: cuda.to_device(np.ascontiguousarray(array))


@pytest.fixture(scope="session")
def foreign() -> type[Foreign]:
    """Make a `Foreign`."""
    return Foreign
