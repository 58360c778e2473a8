"""What networks on a GPU are tested on: a GPU, or Numba's simulator."""

from __future__ import annotations

import pytest


@pytest.fixture(
    autouse=True, scope="session", params=["simulator", pytest.param("gpu", marks=pytest.mark.gpu)]
)
def machine(request: pytest.FixtureRequest, quick_simulator: None) -> str:
    """What kernels run on; only one of them is asked for in a run of the tests."""
    name: str = request.param
    return name
