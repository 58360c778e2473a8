"""The kernels' disk cache: an installation that cannot be written still works."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from bnas import binops
from bnas.binops.portable.jit import kernel

SCRIPT = """
import numpy as np
from bnas import binops
assert binops.__file__.startswith({root!r}), binops.__file__
signs = np.ones((3, 20), np.float32)
print(binops.gemm(signs, signs, threads=1).sum())
"""


def _environment(**values):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "PYTHON"))}
    return {**kept, "NUMBA_NUM_THREADS": "1", **values}


def test_a_read_only_installation_uses_the_cache_of_the_user(tmp_path):
    root = tmp_path / "site"
    target = root / "bnas" / "binops"
    shutil.copytree(
        Path(binops.__file__).parent, target, ignore=shutil.ignore_patterns("__pycache__")
    )
    folders = [target, target / "portable"]
    for folder in folders:
        # A file where the cache folder would be keeps even root from writing there.
        (folder / "__pycache__").write_bytes(b"")
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    cache = tmp_path / "cache"
    environment = _environment(
        XDG_CACHE_HOME=str(cache),
        HOME=str(tmp_path),
        PYTHONPATH=str(root),
        PYTHONDONTWRITEBYTECODE="1",
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(root=str(root))],
            env=environment,
            capture_output=True,
            text=True,
        )
    finally:
        for folder in folders:
            folder.chmod(stat.S_IRWXU)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "180"
    assert list(tmp_path.rglob("*.nbi")), "nothing was cached"


def test_where_nothing_can_be_cached_a_kernel_still_compiles(monkeypatch):
    njit = numba.njit

    def refuse_the_cache(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(numba, "njit", refuse_the_cache)

    @kernel()
    def double(value):
        return 2 * value

    assert double(21) == 42


@pytest.mark.parametrize("module", ["conv", "gemm", "pack", "pool", "regroup"])
def test_serial_and_parallel_kernels_are_two_functions(module):
    loaded = __import__(f"bnas.binops.portable.{module}", fromlist=["kernels"])
    functions = [f for f in vars(loaded).values() if hasattr(f, "py_func")]
    parallel = {f.py_func for f in functions if f.targetoptions.get("parallel")}
    serial = {f.py_func for f in functions if not f.targetoptions.get("parallel")}
    assert parallel
    assert serial
    assert not parallel & serial
