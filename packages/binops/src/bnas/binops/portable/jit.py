"""How the portable kernels are compiled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


@functools.cache
def _package_stamp() -> tuple[float, int]:
    """The newest change and the size of all sources of this package, as Numba stamps one file."""
    states = [path.stat() for path in Path(__file__).parents[1].rglob("*.py")]
    return max(state.st_mtime for state in states), sum(state.st_size for state in states)


def _stamp_with_package(compiled: Any) -> Any:
    """Make the cache notice edits in the other files that a kernel is compiled from.

    Numba's stamp is that of the kernel's own file, so that a cached kernel would go on calling old
    versions of functions, and reading records whose fields have moved.
    """
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = _package_stamp()
    return compiled


def kernel(*, parallel: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a kernel: no GIL, no fast math, C's division, cached on disk.

    No fast math: the float results must be those of NumPy, bit for bit.

    Never give one Python function to both the serial and the parallel form: Numba's cache key
    does not hold the flags, and the second process would load the wrong one.

    A `prange` index is unsigned, and unsigned with signed makes a float: cast it to int64 first.

    Args:
        parallel: Run the kernel's `prange` loops on threads.

    Returns:
        A decorator.
    """

    def compile_lazily(function: Callable[..., Any]) -> Callable[..., Any]:
        options = {"nogil": True, "error_model": "numpy", "parallel": parallel}
        try:
            return _stamp_with_package(numba.njit(cache=True, **options)(function))
        except RuntimeError:
            # Neither the installation nor the user's cache directory can be written (a container
            # with a read-only root): compile in every process rather than fail to import.
            return numba.njit(**options)(function)

    return compile_lazily
