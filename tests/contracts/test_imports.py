"""Who may import whom, and what an import may load: read in the source, seen in an interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Import, Package

SIBLINGS = {
    "binops": set(),
    "cells": set(),
    "search": {"cells"},
    "zoo": {"cells", "binops"},
    "tools": {"binops", "cells", "search", "zoo"},
}
# What no file of a package imports; and what none imports before it is used, except the one module
# or folder (where it is named) that is itself loaded on use only.
NEVER = {"binops": {"torch"}, "cells": {"numba"}}
ON_USE = {
    "cells": {"torch": "nn", "matplotlib": "draw"},
    "zoo": {"torch": "torch_bridge", "bnas.cells.nn": "torch_bridge"},
    "tools": {"torch": "bench", "bnas.cells.nn": "bench", "bnas.search": None},
}
LOADS_NOT = {
    "binops": ("torch", "hypothesis", "bnas.cells", "bnas.zoo"),
    "cells": ("torch", "numba", "matplotlib", "hypothesis", "bnas.binops"),
    "zoo": ("torch", "matplotlib", "hypothesis"),
    "tools.main": ("torch", "torchvision", "bnas.search", "hypothesis", "bnas.tools.bench"),
    "tools.bench": ("torch", "onnx", "onnxruntime", "openvino", "matplotlib"),
}


def is_of(found: Import, module: str) -> bool:
    return found.module == module or found.module.startswith(f"{module}.")


def told(found: list[Import]) -> list[str]:
    return [str(each) for each in found]


def test_siblings_are_imported_in_one_direction(package: Package) -> None:
    allowed = {f"bnas.{name}" for name in SIBLINGS[package.name] | {package.name}}
    siblings = [found for found in package.imports if is_of(found, "bnas")]
    wrong = [found for found in siblings if not any(is_of(found, name) for name in allowed)]
    assert told(wrong) == []


@pytest.mark.parametrize("name", NEVER)
def test_forbidden_modules_are_imported_nowhere(name: str, packages: dict[str, Package]) -> None:
    wrong = [f for f in packages[name].imports if any(is_of(f, module) for module in NEVER[name])]
    assert told(wrong) == []


@pytest.mark.parametrize("name", ON_USE)
def test_heavy_modules_wait_for_use(name: str, packages: dict[str, Package]) -> None:
    package = packages[name]
    for module, home in ON_USE[name].items():
        eager = [found for found in package.imports if found.on_import and is_of(found, module)]
        homes = {found: found.path.relative_to(package.source).parts[0] for found in eager}
        wrong = [found for found, part in homes.items() if part.removesuffix(".py") != home]
        assert told(wrong) == []


def loaded_after(script: str, *arguments: str) -> set[str]:
    """Run a script in a fresh interpreter and name the modules that it left in memory."""
    ending = "\nimport sys\nsys.stderr.write('\\n'.join(['LOADED', *sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", script + ending, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.partition("LOADED\n")[2].split())


def heavy(loaded: set[str], unwanted: tuple[str, ...]) -> set[str]:
    return {module for module in unwanted if module in loaded}


@pytest.mark.parametrize("name", LOADS_NOT)
def test_import_loads_only_what_it_needs(name: str) -> None:
    loaded = loaded_after(f"import bnas.{name}")
    assert f"bnas.{name}" in loaded
    assert heavy(loaded, LOADS_NOT[name]) == set()


def test_predict_loads_no_torch(packages: dict[str, Package]) -> None:
    photo = min((packages["zoo"].source / "photos").glob("*.jpg"))
    script = (
        "import sys; from bnas.tools.main import main; main(sys.argv[1:], standalone_mode=False)"
    )
    loaded = loaded_after(script, "predict", str(photo))
    assert "bnas.binops" in loaded
    assert heavy(loaded, ("torch", "torchvision", "bnas.search")) == set()


def test_the_scan_sees_what_it_must(
    tmp_path: Path, scan: Callable[[Path], Iterator[Import]]
) -> None:
    source = tmp_path / "sample.py"
    source.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import torch\n"
        "try:\n    from numba import cuda\nexcept ImportError:\n    cuda = None\n"
        "def draw():\n    import importlib\n    importlib.import_module('matplotlib.pyplot')\n"
        "found = find_spec('numba_cuda')\n"
    )
    seen = {(found.module, found.on_import) for found in scan(source)}
    assert seen == {
        ("typing.TYPE_CHECKING", True),
        ("torch", False),
        ("numba.cuda", True),
        ("importlib", False),
        ("matplotlib.pyplot", False),
        ("numba_cuda", False),
    }
