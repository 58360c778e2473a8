"""Why CUDA cannot be used: this version has no kernels for it, and what of it was found."""

from __future__ import annotations

import ctypes
import importlib.util
import sys


def cuda_obstacle() -> str:
    """Say what stands between this installation and kernels on the GPU.

    Returns:
        One line; never empty in this version.
    """
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(library)
        driver = "a driver was found"
    except OSError:
        driver = "no driver was found"
    numba_cuda = "is" if importlib.util.find_spec("numba_cuda") else "is not"
    return (
        "no CUDA kernels in this version of bnas-binops "
        f"({driver}; numba-cuda {numba_cuda} installed)"
    )
