"""What this CPU can do, in LLVM's names."""

from __future__ import annotations

import functools
import os
import platform
import sys

import attrs


@attrs.frozen
class CpuFeatures:
    """The host CPU as LLVM, and so Numba, sees it.

    Args:
        architecture: For example ``x86_64`` or ``aarch64``.
        name: LLVM's name of the microarchitecture, for example ``znver4``.
        features: LLVM's names of the instruction sets it has, sorted.
    """

    architecture: str
    name: str
    features: tuple[str, ...]

    def missing(self, required: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the `required` instruction sets that this CPU lacks."""
        return tuple(feature for feature in required if feature not in self.features)


@functools.cache
def cpu_features() -> CpuFeatures:
    """Detect the host CPU once.

    Returns:
        Architecture, name and instruction sets; no instruction sets where LLVM cannot tell them.
    """
    import llvmlite.binding as llvm

    try:
        host = llvm.get_host_cpu_features()
    except RuntimeError:  # LLVM has no detection on this platform: the portable kernels remain
        host = {}
    return CpuFeatures(
        architecture=platform.machine(),
        name=llvm.get_host_cpu_name(),
        features=tuple(sorted(feature for feature, present in host.items() if present)),
    )


def is_jit_off() -> bool:
    """Whether Numba compiles nothing: portable kernels then run as Python, and no others can."""
    if "numba" in sys.modules:
        from numba.core import config

        return bool(config.DISABLE_JIT)
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
