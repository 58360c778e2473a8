"""What a measurement ran on: machine, versions, command and date, for the record."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from bnas.tools.bench.network_bench import cores

_DISTRIBUTIONS = (
    "bnas-binops",
    "bnas-cells",
    "bnas-zoo",
    "bnas-tools",
    "numpy",
    "numba",
    "llvmlite",
    "torch",
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

    features = binops.cpu_features()
    return {
        "cpu": _cpu_name() or platform.processor() or platform.machine(),
        "microarchitecture": features.name,
        "instruction_sets": [name for name in _NOTABLE if name in features.features],
        "cores": cores(),
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


def _cpu_name() -> str | None:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return None


def _memory_gib() -> float | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
