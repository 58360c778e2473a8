"""Numba's disk cache of compiled kernels, made to fit a package of many files and bad days.

Numba stamps a cached kernel with the state of its own source file, and lets every error of the
disk through. Here the stamp is that of the whole package, and a cache that is full, read-only or
corrupt costs one warning and a compilation, never the result.

Before it loads the first cached function Numba makes itself ready to *compile*: it imports what it
knows of all types and compiles its runtime, 0.13 s and 31 MB. A kernel that is machine code
already needs none of it, so here it is loaded without. Whatever then compiles makes Numba ready.
"""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any


class CacheWarning(RuntimeWarning):
    """Compiled kernels cannot be kept or read: every process compiles them anew."""


@functools.cache
def _package_stamp() -> tuple[float, int]:
    """The newest change and the size of all sources of this package, as Numba stamps one file."""
    states = [path.stat() for path in Path(__file__).parent.rglob("*.py")]
    return max(state.st_mtime for state in states), sum(state.st_size for state in states)


#: Numba's versions whose cache files and runtime are known; with others it loads kernels itself.
_KNOWN_NUMBA = ("0.68.",)


@functools.cache
def is_known_numba() -> bool:
    """Whether kernels may be loaded without making Numba ready to compile."""
    import numba

    return str(numba.__version__).startswith(_KNOWN_NUMBA)


@functools.cache
def name_runtime() -> None:
    """Tell LLVM where Numba's runtime is: kernels that make arrays, or are given some, call it.

    Numba does it when it makes itself ready to compile. A name that LLVM does not find ends the
    process.
    """
    import llvmlite.binding as llvm
    from numba.core.runtime import _nrt_python

    for name, address in _nrt_python.c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


_warned: set[str] = set()


def _warn(action: str, place: str) -> None:
    """Warn once a process: one folder that fails seldom fails alone."""
    if _warned:
        return
    _warned.add(place)
    warnings.warn(
        f"compiled kernels cannot be {action} {place}: they are compiled in every process, which "
        "takes seconds; NUMBA_CACHE_DIR names another folder, and deleting that one starts afresh",
        CacheWarning,
        stacklevel=2,
    )


class ForgivingCache:
    """A dispatcher's cache that fails softly; everything else is passed on.

    Args:
        cache: Numba's own.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        # Without it a cached kernel would go on calling old versions of functions in other files.
        cache._cache_file._source_stamp = _package_stamp()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def data_path(self, signature: Any, target: Any) -> Path | None:
        """Return the file that holds a compiled kernel, or None if there is none."""
        file = self._cache._cache_file
        name = file._load_index().get(self._cache._index_key(signature, target.codegen()))
        return None if name is None else Path(file._data_path(name))

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Load a compiled kernel, or return None; Numba need not be ready to compile."""
        # A damaged pickle can raise anything.
        try:
            loaded = self._load(signature, target)
        except Exception as error:
            _warn("read from", f"{self._cache.cache_path} ({_said(error)})")
            return None
        # Numba writes its index before the code: two processes that keep a kernel at once, for
        # different arguments, may take the same file for it.
        return loaded if loaded is not None and loaded.signature.args == signature else None

    def _load(self, signature: Any, target: Any) -> Any:
        if not is_known_numba():
            return self._cache.load_overload(signature, target)
        name_runtime()
        with self._cache._guard_against_spurious_io_errors():
            return self._cache._load_overload(signature, target)

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel, if that is possible."""
        try:
            self._cache.save_overload(signature, compiled)
        except Exception as error:
            _warn("kept in", f"{self._cache.cache_path} ({_said(error)})")


def _said(error: Exception) -> str:
    """The kind and the text of an error."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def forgiving(dispatcher: Any) -> Any:
    """Give a dispatcher that caches a forgiving cache, and return it."""
    dispatcher._cache = ForgivingCache(dispatcher._cache)
    return dispatcher


def warn_of_no_cache() -> None:
    """Say that neither the package's folder nor the user's can be written."""
    _warn("kept in", "any folder: neither the installation nor the user's cache can be written")
