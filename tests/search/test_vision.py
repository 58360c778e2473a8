"""The guarded import of torchvision, each case in an interpreter or with an import of its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bnas.search import vision

USE = """
import torch
from bnas.search.vision import torchvision
module = torchvision()
sets = module.datasets.ImageFolder, module.transforms.Compose
declared = hasattr(torch.ops.torchvision, "nms")
"""


def interpreter(script: str, *first_on_path: Path) -> None:
    paths = [*map(str, first_on_path), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A stand-in for a torchvision that imports."""
    root = tmp_path / "torchvision"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "datasets.py").write_text("class ImageFolder: ...\n")
    (root / "transforms.py").write_text("class Compose: ...\n")
    return tmp_path


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Records declarations instead of making them."""
    calls: list[bool] = []
    monkeypatch.setattr(vision, "_declare_operators", lambda: calls.append(True))
    vision.torchvision.cache_clear()
    yield calls
    vision.torchvision.cache_clear()


def importing(*errors: Exception | None) -> Callable[[str], ModuleType]:
    """Return an import whose n-th import of torchvision raises errors[n]."""
    left = list(errors)

    def fake(name: str) -> ModuleType:
        if name == "torchvision" and left and (error := left.pop(0)) is not None:
            raise error
        return ModuleType(name)

    return fake


def test_datasets_and_transforms_are_usable_here() -> None:
    interpreter(USE + "assert all(map(callable, sets))")


def test_nothing_is_declared_next_to_a_torchvision_that_imports(package: Path) -> None:
    interpreter(USE + "assert all(map(callable, sets)) and not declared", package)


def test_missing_operators_are_declared_and_the_import_tried_again(package: Path) -> None:
    (package / "torchvision" / "__init__.py").write_text(
        "import torch\n"
        "for name in ('nms', 'qnms'):\n"
        "    if not hasattr(torch.ops.torchvision, name):\n"
        "        raise RuntimeError(f'operator torchvision::{name} does not exist')\n"
    )
    interpreter(USE + "assert all(map(callable, sets)) and declared", package)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::roi_align does not exist"),
        RuntimeError("torch and torchvision have different CUDA versions"),
        ImportError("No module named 'torchvision'"),
        OSError("libcudart.so"),
    ],
    ids=str,
)
def test_other_failures_propagate(
    error: Exception, declared: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib, "import_module", importing(error))
    with pytest.raises(type(error)) as caught:
        vision.torchvision()
    assert caught.value is error
    assert declared == []


def test_the_second_failure_propagates(
    declared: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    again = RuntimeError("operator torchvision::nms does not exist")
    first = RuntimeError("operator torchvision::nms does not exist")
    monkeypatch.setattr(importlib, "import_module", importing(first, again))
    with pytest.raises(RuntimeError) as caught:
        # The second import of the module is the last statement of the function.
        vision.torchvision()
    assert caught.value is again
    assert declared == [True]
