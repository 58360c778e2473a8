"""Every example in the docstrings runs; the README names what there is (`tests/docs` runs it)."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from bnas import binops

README = Path(__file__).parents[2] / "packages" / "binops" / "README.md"


@pytest.mark.parametrize("module", ["bits", "dispatch", "packing", "matmul", "convolution"])
def test_the_docstring_examples_run(module):
    loaded = importlib.import_module(f"bnas.binops.{module}")
    result = doctest.testmod(loaded, extraglobs={"np": np})
    assert result.attempted > 0
    assert result.failed == 0


def test_the_readme_names_every_public_function():
    text = README.read_text(encoding="utf-8")
    public = {name for name in binops.__all__ if not re.search("Error|Availability|Cpu", name)}
    assert {name for name in public if f"`{name}(" not in text} == set()
