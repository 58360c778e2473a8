"""Kernels loaded as bare machine code: from Numba's cache, without what a compiler wants."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from bnas.binops.machine_code import MachineCode, read_cached

KERNEL = """
import ctypes
import warnings
from numba import int64
from bnas.binops import machine_code
from bnas.binops.jit import kernel
from bnas.binops.tape.views import longs_at

@kernel()
def triple(value, address):
    longs_at(address, 1)[0] = 3 * value

linked, link = [], machine_code._link
machine_code._link = lambda found: (linked.append(found.symbol), link(found))[1]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    address, again = (machine_code.address_of(triple, (int64, int64)) for _ in range(2))
assert address == again
function = ctypes.CFUNCTYPE(ctypes.c_int32, *(ctypes.c_void_p,) * 2, *(ctypes.c_int64,) * 2)
result, out = ctypes.create_string_buffer(16), ctypes.c_int64()
place = ctypes.addressof(result)
failed = function(address)(place, place + 8, 14, ctypes.addressof(out))
print(failed, out.value, len(linked), len(caught))
"""

NETWORK = """
import sys
import numpy as np
from numba.core.runtime import rtsys
from bnas.binops import tape
builder = tape.TapeBuilder(tape.best_isa())
source, target = (tape.Rows(tape.Pointer(tape.PORT + n, 0, 256), 256, 1, 64) for n in (0, 1))
tape.add_float(builder, tape.Float.RELU, source, target)
built = builder.build()
arrays = np.arange(-32, 32, dtype=np.float32), np.empty(64, np.float32)
ports = np.array([(array.ctypes.data, 256) for array in arrays], np.int64)
built.run(built.arena(), ports, 1)
right = (arrays[1] == np.maximum(arrays[0], 0)).all()
print(right, rtsys._init, "numba.np.arrayobj" in sys.modules)
"""


def _run(script: Path | str, **environment: str) -> list[str]:
    kept = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR" or not environment}
    arguments = ["-c", script] if isinstance(script, str) else [str(script)]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**kept, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_code_that_numba_cached_is_linked_and_damage_costs_a_warning(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(KERNEL)
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert _run(script, **cache) == ["0", "42", "0", "0"]
    assert _run(script, **cache) == ["0", "42", "1", "0"]
    (data,) = tmp_path.rglob("script.triple*.nbc")
    found = read_cached(data)
    assert "triple" in found.symbol
    assert found.symbol.encode() in found.code
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="expected"):
        read_cached(data)
    assert _run(script, **cache) == ["0", "42", "0", "1"]
    # What was compiled anew is kept again.
    assert _run(script, **cache) == ["0", "42", "1", "0"]
    (index,) = tmp_path.rglob("script.triple*.nbi")
    data.unlink()
    assert index.exists()
    assert _run(script, **cache) == ["0", "42", "0", "0"]


@pytest.mark.parametrize("known", [True, False])
def test_code_for_other_arguments_is_not_run(tmp_path: Path, known: bool) -> None:
    """As two processes leave it that keep a kernel at once, and take the same file for it."""
    patch = "" if known else "from bnas.binops import disk_cache\ndisk_cache._KNOWN_NUMBA = ()\n"
    script = tmp_path / "script.py"
    files = []
    for kind in ("uint64", "int64"):
        # Machine words either way, so both can be called.
        chosen = KERNEL.replace("(int64, int64)", f"(numba.{kind}, int64)")
        script.write_text(f"{patch}import numba\n{chosen}")
        cache = {"NUMBA_CACHE_DIR": str(tmp_path / kind)}
        assert _run(script, **cache) == ["0", "42", "0", "0"]
        files += (tmp_path / kind).rglob("script.triple*.nbc")
    files[1].write_bytes(files[0].read_bytes())
    assert _run(script, **cache) == ["0", "42", "0", "0"]
    assert _run(script, **cache) == ["0", "42", str(int(known)), "0"]


def test_a_numba_that_is_not_known_loads_its_kernels_itself(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    patch = "from bnas.binops import disk_cache\ndisk_cache._KNOWN_NUMBA = ('0.0.',)\n"
    script.write_text(patch + KERNEL)
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(2):
        assert _run(script, **cache) == ["0", "42", "0", "0"]
    ready = "print('numba.np.arrayobj' in sys.modules)"
    assert _run(f"{patch}{NETWORK}\n{ready}")[-1] == "True"


def test_a_tape_on_one_thread_needs_nothing_of_numbas_compiler() -> None:
    for _ in range(2):
        answer = _run(NETWORK)
    assert answer == ["True", "False", "False"]


class Function:
    """Pickled as Numba's descriptions of functions are; nobody is to make one of a file."""

    __slots__ = ("args", "mangled_name", "qualname")

    def __init__(self, symbol: object) -> None:
        self.qualname, self.args, self.mangled_name = "kernel", ("tag", 1), symbol

    def __setstate__(self, state: object) -> None:
        raise AssertionError("an object of the file was made")


@pytest.mark.parametrize("protocol", [4, pickle.HIGHEST_PROTOCOL])
@pytest.mark.parametrize("length", [10, 300, 100_000])
def test_words_are_read_and_nothing_is_made(tmp_path: Path, protocol: int, length: int) -> None:
    path = tmp_path / "kernel.1.nbc"

    def read(kind: str, code: object, symbol: object) -> MachineCode:
        content = (("kernel", kind, (code, b"bits")), Function(symbol), Function("another"))
        path.write_bytes(pickle.dumps(content, protocol))
        return read_cached(path)

    code = b"_Zsymbol" + bytes(length)
    assert read("object", code, "_Zsymbol") == MachineCode("_Zsymbol", code)
    with pytest.raises(ValueError, match="must hold an object file"):
        read("bitcode", code, "_Zsymbol")
    for symbol in ("_Zother", None, 7, "kernel"):
        with pytest.raises(ValueError, match="must name a function"):
            read("object", code, symbol)
    for end in (0, 5, 30, length):
        path.write_bytes(pickle.dumps((("kernel", "object", (code, b"")), None))[:end])
        with pytest.raises(ValueError):
            read_cached(path)
