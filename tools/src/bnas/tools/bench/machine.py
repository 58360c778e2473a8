"""What a measurement ran on: machine, versions, command and date, for the record."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from typing import Any

_DISTRIBUTIONS = (
    "bnas-binops",
    "bnas-cells",
    "bnas-search",
    "bnas-zoo",
    "bnas-tools",
    "numpy",
    "numba",
    "llvmlite",
    "numba-cuda",
    "torch",
    "torchvision",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "openvino",
    "nncf",
)
#: Instruction sets that matter to these kernels.
_NOTABLE = ("avx2", "avx512bw", "avx512vbmi", "avx512bitalg", "avx512vpopcntdq", "avx512vnni")


def provenance(command: str) -> dict[str, Any]:
    """Return machine, versions, command and date, as JSON knows them.

    Args:
        command: What was typed to measure.
    """
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": command,
        "machine": machine(),
        "versions": versions(),
    }


def machine() -> dict[str, Any]:
    """Return what is known of this machine; None for what the system does not tell."""
    from bnas import binops
    from bnas.binops.threads import processors
    from bnas.zoo.latency import processor

    features = binops.cpu_features()
    return {
        "cpu": processor(),
        "microarchitecture": features.name,
        "instruction_sets": [name for name in _NOTABLE if name in features.features],
        "cores": processors(),
        "memory_gib": _memory_gib(),
        "system": platform.system(),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str]:
    """Return the version of Python and of every distribution here that a benchmark may use."""
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _memory_gib() -> float | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
