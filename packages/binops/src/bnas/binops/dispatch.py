"""The backends: what each needs, whether this machine has it, and which one is used.

The environment variable ``BNAS_BINOPS_BACKEND`` forces one by name, for arrays in host memory. The
backend ``cuda`` is never forced: arrays that live on a GPU choose it, and no others can.
"""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Callable
from types import ModuleType

import attrs

from bnas.binops.cpu import cpu_features, is_jit_off
from bnas.binops.cuda_probe import cuda_obstacle, is_simulated
from bnas.binops.errors import BackendUnavailableError, UnknownBackendError
from bnas.binops.kernels import Kernels

ENVIRONMENT_VARIABLE = "BNAS_BINOPS_BACKEND"


@attrs.frozen(repr=False)
class Availability:
    """Whether a backend can be used here; true exactly if it can.

    Args:
        reason: Why it cannot be used; empty if it can.
        requires: What it needs, in words.
    """

    reason: str
    requires: str

    @property
    def available(self) -> bool:
        """Whether it can be used."""
        return not self.reason

    def __bool__(self) -> bool:
        """True exactly if it can be used."""
        return self.available

    def __repr__(self) -> str:
        """Say it in words."""
        return f"available (needs {self.requires})" if self else f"unavailable: {self.reason}"


@attrs.frozen(eq=False)
class Backend:
    """A set of kernels and what it needs.

    Args:
        name: How the environment variable and the `backend` argument name it.
        speed: The best available backend is the one with the highest.
        cpu_features: LLVM's names of the instruction sets that it needs.
        requires: What it needs, in words.
        load: Import its kernels, which is what costs time.
    """

    name: str
    speed: int
    cpu_features: tuple[str, ...]
    requires: str
    load: Callable[[], Kernels]

    def availability(self) -> Availability:
        """Look whether it can be used here."""
        missing = cpu_features().missing(self.cpu_features) if self.cpu_features else ()
        reason = ""
        if missing:
            reason = f"this CPU ({cpu_features().name}) lacks {', '.join(missing)}"
        elif self.cpu_features and is_jit_off():
            reason = "its kernels are machine code, and NUMBA_DISABLE_JIT switches the compiler off"
        return Availability(reason=reason, requires=self.requires)


def _load_portable() -> Kernels:
    from bnas.binops.portable import KERNELS

    return KERNELS


def _load_table(name: str) -> Kernels:
    from bnas.binops.tape.single import kernels

    return kernels(name)


def _table(name: str, speed: int, features: tuple[str, ...], requires: str) -> Backend:
    return Backend(name, speed, features, requires, functools.partial(_load_table, name))


# The backends of arrays in host memory.
REGISTRY = {
    backend.name: backend
    for backend in (
        Backend("portable", 0, (), "nothing but Numba", _load_portable),
        _table("ssse3", 1, ("ssse3",), "x86-64 with SSSE3"),
        _table("neon", 2, ("neon",), "AArch64"),
        _table("avx2", 3, ("avx2", "fma"), "x86-64 with AVX2 and FMA"),
        _table("avx512", 4, ("avx512bw", "bmi2"), "x86-64 with AVX-512BW and BMI2"),
    )
}


def backends() -> dict[str, Availability]:
    """Tell which backends this machine can use.

    Returns:
        For every backend by name, a record that is true exactly if it can be used, with
        `.available` and `.reason` (why not). Always has ``"portable"`` and ``"cuda"``.

    Examples:
        >>> backends()["portable"]
        available (needs nothing but Numba)
    """
    found = {name: backend.availability() for name, backend in REGISTRY.items()}
    found["cuda"] = Availability(
        cuda_obstacle(), "numba-cuda, an NVIDIA driver and a GPU of compute capability 7.5 or newer"
    )
    return found


@functools.cache
def gpu_operations() -> ModuleType:
    """Load what the public functions do with arrays that live on a GPU.

    Returns:
        `bnas.binops.cuda.operations`; in Numba's simulator too, for tests.

    Raises:
        BackendUnavailableError: The backend ``cuda`` cannot be used here.
    """
    reason = "" if is_simulated() else cuda_obstacle()
    if reason:
        raise BackendUnavailableError(
            f"arrays on a GPU need the backend cuda, which cannot be used: {reason}; move them to "
            "host memory",
            name="cuda",
            reason=reason,
        )
    from bnas.binops.cuda import operations

    return operations


@functools.cache
def _fastest() -> Backend:
    """The fastest backend that this machine can use."""
    return max((b for b in REGISTRY.values() if b.availability()), key=lambda b: b.speed)


def choose_backend(name: str | None = None) -> Backend:
    """Choose the backend to run on.

    Args:
        name: Its name; None takes ``BNAS_BINOPS_BACKEND``, or else the fastest available one.

    Returns:
        A backend that can be used here.

    Raises:
        UnknownBackendError: No backend has this name.
        BackendUnavailableError: It cannot be used here.
    """
    source = "`backend`"
    if name is None and os.environ.get(ENVIRONMENT_VARIABLE):
        name, source = os.environ[ENVIRONMENT_VARIABLE], ENVIRONMENT_VARIABLE
    if name is None:
        return _fastest()
    if name in REGISTRY and REGISTRY[name].availability():
        return REGISTRY[name]
    known = backends()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UnknownBackendError(
            f"{source} must be one of {', '.join(sorted(known))} (got {name!r}){hint}",
            name=name,
            known=tuple(sorted(known)),
        )
    where = " for arrays in host memory" if known[name] else ""
    reason = known[name].reason or "arrays choose it by living on a GPU; move them there"
    raise BackendUnavailableError(
        f"{source} names {name}, which cannot be used{where}: {reason}",
        name=name,
        reason=reason,
    )
