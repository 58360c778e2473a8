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
from bnas.binops import disk_cache
from bnas.binops.jit import kernel

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

    def refuse_the_cache(*functions, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*functions, **options)

    monkeypatch.setattr(numba, "njit", refuse_the_cache)
    monkeypatch.setattr(disk_cache, "_warned", set())
    with pytest.warns(disk_cache.CacheWarning, match="compiled in every process"):

        @kernel()
        def double(value):
            return 2 * value

    assert double(21) == 42


CONVOLVE = """
import warnings
import numpy as np
from bnas import binops
from bnas.binops.disk_cache import CacheWarning
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    counts = binops.conv2d(np.ones((1, 8, 4, 4)), np.ones((4, 8, 3, 3)), padding=1, threads=1)
print(counts.sum(), sum(w.category is CacheWarning for w in caught))
"""


def _convolve(cache):
    return subprocess.Popen(
        [sys.executable, "-c", CONVOLVE],
        env=_environment(NUMBA_CACHE_DIR=str(cache), PYTHONPATH=os.pathsep.join(sys.path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answer(process):
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.split()


def test_two_processes_fill_the_cache_at_once_and_damage_costs_one_warning(tmp_path):
    together = [_convolve(tmp_path) for _ in range(2)]
    assert [_answer(process) for process in together] == [["3200", "0"]] * 2
    indices = list(tmp_path.rglob("*.nbi"))
    assert indices
    assert _answer(_convolve(tmp_path)) == ["3200", "0"]
    for index in indices:
        index.write_bytes(b"no pickle")
    assert _answer(_convolve(tmp_path)) == ["3200", "1"]


def test_a_cache_that_cannot_be_written_costs_one_warning(monkeypatch, tmp_path):
    @kernel()
    def triple(value):
        return 3 * value

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(triple._cache._cache, "save_overload", full)
    monkeypatch.setattr(disk_cache, "_warned", set())
    with pytest.warns(disk_cache.CacheWarning, match="No space left") as caught:
        assert triple(2) == 6
        assert triple(2.0) == 6
    assert len(caught) == 1


LOAD = """
import sys
from numba.core.runtime import rtsys
from bnas import binops
binops.warm_up()
print(rtsys._init, "numba.np.linalg" in sys.modules)
import numba
print(numba.njit(lambda text: text.upper() + str(len([text])))("ready"), rtsys._init)
"""


def test_cached_kernels_load_into_a_numba_that_is_not_ready_to_compile_and_becomes_so_later():
    # Every kernel that a network runs; the first process compiles those that are not there yet.
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "False", "READY1", "True"]


@pytest.mark.parametrize("module", ["conv", "gemm", "pack", "pool", "regroup"])
def test_serial_and_parallel_kernels_are_two_functions(module):
    loaded = __import__(f"bnas.binops.portable.{module}", fromlist=["kernels"])
    functions = [f for f in vars(loaded).values() if hasattr(f, "py_func")]
    parallel = {f.py_func for f in functions if f.targetoptions.get("parallel")}
    serial = {f.py_func for f in functions if not f.targetoptions.get("parallel")}
    assert parallel
    assert serial
    assert not parallel & serial
