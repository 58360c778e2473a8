"""How all kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from bnas.binops.disk_cache import forgiving, warn_of_no_cache

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(*, parallel: bool = False, inline: bool = False) -> Callable[[_Function], _Function]:
    """Compile a kernel: no GIL, no fast math, C's division, cached on disk.

    No fast math: the float results must be those of NumPy, bit for bit.

    Never give one Python function to both the serial and the parallel form: Numba's cache key
    does not hold the flags, and the second process would load the wrong one.

    A `prange` index is unsigned, and unsigned with signed makes a float: cast it to int64 first.

    Args:
        parallel: Run the kernel's `prange` loops on threads.
        inline: Always become part of the caller. LLVM hands records over field by field, so a call
            with one costs as much as a short kernel.

    Returns:
        A decorator.
    """

    def compile_lazily(function: _Function) -> _Function:
        if numba.config.DISABLE_JIT:
            return function  # Python, for debuggers and coverage: there is nothing to cache
        options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "parallel": parallel}
        if inline:
            options["inline"] = "always"
        compiled: _Function
        try:
            compiled = forgiving(numba.njit(cache=True, **options)(function))
        except RuntimeError:
            # Neither the installation nor the user's cache directory can be written (a container
            # with a read-only root): compile in every process rather than fail to import.
            warn_of_no_cache()
            compiled = numba.njit(**options)(function)
        return compiled

    return compile_lazily
