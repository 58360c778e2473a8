"""Kernels compiled by Numba that share torch's threads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import torch

_compiled: Any = numba.njit(
    parallel=True, nogil=True, cache=True, error_model="numpy", fastmath={"contract"}
)


def parallel_jit(kernel: Callable[..., None]) -> Callable[..., None]:
    """Compile a kernel whose `prange` loops run on as many threads as torch's operations do.

    Numba starts its threads at the first kernel of a process, and tells OpenMP how many there are:
    a number that torch reads as its own. Torch's is put back. Otherwise a process would compute
    with one number of threads up to its first kernel and with another one from there on; and torch
    sums the batch statistics of channels-last tensors thread by thread, so that a search that goes
    on in a new process would differ in the last bits.

    Args:
        kernel: Writes into its arguments; sums are not reassociated.
    """
    compiled = _compiled(kernel)

    @functools.wraps(kernel)
    def run(*arguments: Any) -> None:
        threads = torch.get_num_threads()
        limit = numba.get_num_threads()
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        numba.set_num_threads(min(threads, limit))
        try:
            compiled(*arguments)
        finally:
            numba.set_num_threads(limit)

    return run
