"""Kernels leave torch's number of threads alone; each case is a process that has started none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KERNEL = """
import numba
import numpy as np
import torch
from numba import prange
from bnas.search.jit import parallel_jit

@parallel_jit
def threads(found):
    for _ in prange(1):
        found[0] = numba.get_num_threads()

found = np.zeros(1, np.int64)
for wanted in (2, 1, 4, 9):
    torch.set_num_threads(wanted)
    threads(found)
    print(found[0], torch.get_num_threads(), numba.get_num_threads())
numba.set_num_threads(3)
threads(found)
print(found[0], torch.get_num_threads(), numba.get_num_threads())
"""

STEPS = """
import torch
from bnas import search

torch.set_num_threads(1)
torch.manual_seed(0)
supernet = search.Supernet(search.SearchSpace(cells=3, channels=4, nodes=1))
images = torch.randn(6, 3, 8, 8)

def step():
    supernet.zero_grad()
    logits = supernet(images)
    logits.square().mean().backward()
    return [logits, *(each.grad for each in supernet.parameters())]

print(all(torch.equal(*pair) for pair in zip(step(), step(), strict=True)))
"""


def output(path: Path, script: str) -> str:
    """Run a script, a file because Numba caches nothing of other code, with 4 threads of Numba."""
    path.write_text(script)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "NUMBA_NUM_THREADS": "4",
    }
    run = subprocess.run(
        [sys.executable, str(path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_kernels_run_on_as_many_threads_as_torch(tmp_path: Path) -> None:
    # At most as many as Numba has, or was told to take.
    expected = "2 2 4\n1 1 4\n4 4 4\n4 9 4\n3 9 3\n"
    assert output(tmp_path / "kernel.py", KERNEL) == expected


def test_the_first_step_of_a_process_has_the_bits_of_later_ones(tmp_path: Path) -> None:
    assert output(tmp_path / "steps.py", STEPS) == "True\n"
