"""Tapes work on addresses: nothing checks these but the pages around what they may touch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bnas import binops
from bnas.binops.table.isa import ISAS

SCRIPT = Path(__file__).with_name("guarded_pages.py")
WIDTHS = [name for name, found in binops.backends().items() if found and name in ISAS]


@pytest.mark.parametrize("backend", WIDTHS)
def test_nothing_beyond_its_memory_is_touched(backend):
    command = [sys.executable, "-X", "faulthandler", SCRIPT, backend]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing beyond was touched" in done.stdout
