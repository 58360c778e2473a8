"""NVIDIA's driver library, asked without Numba: is there a GPU, and does it answer?"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from bnas.binops.errors import BinopsError

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
NO_DEVICE = 100
# Of CUdevice_attribute: the compute capability.
_MAJOR, _MINOR = 75, 76


class DriverError(BinopsError, RuntimeError):
    """The driver refused; the message is its words, `code` its number."""


class Driver:
    """The driver library.

    Args:
        library: What `ctypes` loaded; None loads it.

    Raises:
        OSError: There is none.
    """

    def __init__(self, library: Any = None) -> None:
        """Load it."""
        loader: Any = ctypes.CDLL
        if sys.platform == "win32":  # A statement: type checkers skip it on other systems.
            loader = ctypes.WinDLL
        self._library = loader(LIBRARY) if library is None else library

    def version(self) -> tuple[int, int]:
        """Version of CUDA that it can run, as (13, 0)."""
        found = self._number("cuDriverGetVersion")
        return found // 1000, found % 1000 // 10

    def start(self) -> None:
        """Get it ready; all of the following need this."""
        self._call("cuInit", 0)

    def count(self) -> int:
        """Number of GPUs."""
        return self._number("cuDeviceGetCount")

    def capability(self, device: int) -> tuple[int, int]:
        """Compute capability of a GPU, as (9, 0)."""
        major, minor = (
            self._number("cuDeviceGetAttribute", attribute, device)
            for attribute in (_MAJOR, _MINOR)
        )
        return major, minor

    def touch(self, device: int) -> None:
        """Open a GPU's context as a program would, and close it again: one that is lost refuses."""
        context = ctypes.c_void_p()
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuDevicePrimaryCtxRelease_v2", device)

    def _number(self, name: str, *arguments: int) -> int:
        """Call what returns an int by its first argument."""
        found = ctypes.c_int()
        self._call(name, ctypes.byref(found), *arguments)
        return found.value

    def _call(self, name: str, *arguments: Any) -> None:
        """Call a function; its result is 0 or an error."""
        function = getattr(self._library, name, None)
        if function is None:
            raise DriverError(f"it has no function {name}", code=-1)
        code = function(*arguments)
        if code:
            raise DriverError(f"{self._words(code)} ({name}: error {code})", code=code)

    def _words(self, code: int) -> str:
        """The driver's words for an error."""
        words = ctypes.c_char_p()
        describe = getattr(self._library, "cuGetErrorString", None)
        if describe is None or describe(code, ctypes.byref(words)) or not words.value:
            return "unknown error"
        return words.value.decode(errors="replace")
