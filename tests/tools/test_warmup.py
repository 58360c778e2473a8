"""`bnas-tools warmup`: what a later process needs is on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bnas import binops

#: Fails if anything is compiled: a kernel that is not on disk would have to be.
PREDICT = """
import numpy as np
from numba.core import dispatcher

def refuse(self, args, return_type):
    raise AssertionError(f"compiles {self.py_func.__qualname__}")

dispatcher._FunctionCompiler.compile = refuse
from bnas import zoo
model = zoo.load("BNAS-Mini")
for threads in (1, 2):
    print(model(np.zeros((2, 3, 32, 32), np.float32), threads=threads).shape)
"""


def _run(cache: Path, *command: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment = {**kept, "NUMBA_CACHE_DIR": str(cache), "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_second_process_compiles_nothing(tmp_path):
    text = _run(tmp_path, "-m", "bnas.tools.main", "warmup", "--json")
    document = json.loads(text)
    assert document["backend"] in binops.backends()
    assert document["seconds"] > 0
    assert _run(tmp_path, "-c", PREDICT).split() == ["(2,", "10)"] * 2


def test_the_second_process_of_a_cold_cache_would_compile(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PREDICT],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "compiles" in done.stderr
