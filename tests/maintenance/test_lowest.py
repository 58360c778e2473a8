"""The lowest versions of a package, and the tests that run with nothing but it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from maintenance.lowest import __main__ as command
from maintenance.lowest.__main__ import main
from maintenance.lowest.bounds import BoundError, lowest, lowest_of
from maintenance.lowest.environment import Environment, EnvironmentFailure, build_wheels
from maintenance.lowest.fixtures import needing, uses
from maintenance.lowest.selection import alone

if TYPE_CHECKING:
    from conftest import Checkout


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("numpy>=1.26", "1.26"),
        ("numpy<3,>=2.0.1", "2.0.1"),
        ("cuda-toolkit==13.0.*", "13.0.*"),
        ("ray[data]>=2.40", "2.40"),
    ],
)
def test_the_lowest_version_is_read_from_the_range(text: str, version: str) -> None:
    assert lowest_of(Requirement(text)) == version


def test_a_range_without_a_lower_end_is_refused() -> None:
    with pytest.raises(BoundError, match=r"`numpy<3` must name its lowest version .* numpy>=…"):
        lowest_of(Requirement("numpy<3"))


def declare(checkout: Checkout, name: str, needs: list[str], **extras: list[str]) -> None:
    lines = [f'name = "bnas-{name}"', 'version = "0.1.0"', f"dependencies = {needs}"]
    lines += ["[project.optional-dependencies]", *(f"{k} = {v}" for k, v in extras.items())]
    checkout.write(
        f"{checkout.package(name).folder}/pyproject.toml", "\n".join(["[project]", *lines])
    )


def test_siblings_lowest_versions_count_too(checkout: Checkout) -> None:
    declare(checkout, "cells", ["attrs>=23.2"], nn=["torch>=2.4"], draw=["matplotlib>=3.8"])
    declare(
        checkout,
        "search",
        ["attrs>=22", "bnas-cells[nn]>=0.1,<0.2", "ray[data]>=2"],
        plot=["bnas-cells[draw]>=0.1,<0.2", "ray[tune]>=2"],
        bench=["openvino>=2024"],
    )
    package = checkout.package("search")
    core = ["attrs==23.2", "ray[data]==2", "torch==2.13.0"]
    pins = {"torch": "2.13.0"}
    assert lowest(package, extras=False, pins=pins) == core
    every = ["attrs==23.2", "matplotlib==3.8", "ray[data,tune]==2", "torch==2.13.0"]
    assert lowest(package, extras=True, pins=pins) == every


CONFTEST = """
import json
import torch
def module(seed): return torch.zeros(seed)
def network(module): return module
def spec(): return json.loads("1")
def typed(x: torch.Tensor) -> torch.Tensor: return x
"""


def test_fixtures_that_need_what_is_missing_taint_others(tmp_path: Path) -> None:
    conftest = tmp_path / "conftest.py"
    conftest.write_text(CONFTEST)
    lost = needing(conftest, lambda module: module != "torch")
    assert lost == {"module", "network"}
    test = tmp_path / "test_it.py"
    for text, answer in (
        ("def test_it(network): ...", True),
        ("@usefixtures('module')\ndef test_it(spec): ...", True),
        ("def test_it(spec): ...", False),
    ):
        test.write_text(text)
        assert uses(test, lost) == answer


def test_tests_are_chosen_by_what_their_imports_need(checkout: Checkout) -> None:
    checkout.write("packages/cells/src/bnas/cells/nn.py", "import torch\n")
    checkout.write("packages/cells/src/bnas/cells/late.py", "def draw():\n    import matplotlib\n")
    tests = {
        "test_plain.py": "from bnas import cells\nfrom bnas.cells.late import draw\n",
        "test_nn.py": "from bnas.cells import nn\n",
        "test_torch.py": "def test_it():\n    import torch\n",
        "test_sibling.py": "import bnas.zoo\n",
        "below/test_tools.py": "import attrs, hypothesis, pytest, sys\n",
    }
    for name, text in tests.items():
        checkout.write(f"tests/cells/{name}", text)
    names = [path.name for path in alone(checkout.package("cells"))]
    assert names == ["test_tools.py", "test_plain.py"]


def test_a_sibling_comes_from_the_tag_of_its_lowest_version(
    checkout: Checkout, tmp_path: Path
) -> None:
    checkout.git("tag", "cells-v0.1.0")
    source = "packages/cells/src/bnas/cells/__init__.py"
    checkout.write(source, "NEW = 1\n")
    checkout.edit("cells", "pyproject.toml", 'version = "0.1.0"', 'version = "0.1.1"')
    wheels = build_wheels(checkout.package("search"), tmp_path)
    assert [wheel.name for wheel in wheels.values()] == [
        "bnas_cells-0.1.0-py3-none-any.whl",
        "bnas_search-0.1.0-py3-none-any.whl",
    ]
    checkout.git("tag", "--delete", "cells-v0.1.0")
    with pytest.raises(EnvironmentFailure, match="no tag cells-v0.1.0 here"):
        build_wheels(checkout.package("search"), tmp_path / "again")


def test_another_folder_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    with pytest.raises(EnvironmentFailure, match="is no virtual environment"):
        Environment(tmp_path / "precious", tmp_path).create()


def python_that(environment: Environment, script: str) -> None:
    environment.python.parent.mkdir(parents=True, exist_ok=True)
    environment.python.write_text(f"#!/bin/sh\n{script}\n")
    environment.python.chmod(0o755)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "WARNING: a proxy\n"
            "ERROR: Cannot install rich==14.3 and click==8.2 because these package versions have "
            "conflicting dependencies.\n"
            "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/",
            "ERROR: Cannot install rich==14.3 and click==8.2 because",
        ),
        (
            "ERROR: Ignored the following versions that require a different python: 2.5 >=3.12\n"
            "ERROR: Could not find a version that satisfies the requirement numpy==1.99\n"
            "ERROR: No matching distribution found for numpy==1.99",
            "ERROR: No matching distribution found for numpy==1.99$",
        ),
        ("ERROR: ResolutionImpossible: for help visit", "ERROR: ResolutionImpossible: for help"),
        ("Traceback:\nOSError: the disk is full\n", "OSError: the disk is full$"),
        ("", "no reason given$"),
    ],
)
def test_a_failed_install_is_told_with_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, reason: str
) -> None:
    environment = Environment(tmp_path, tmp_path)
    python_that(environment, 'printf %s "$SAYS" >&2\nexit 1')
    monkeypatch.setenv("SAYS", said)
    with pytest.raises(EnvironmentFailure, match=rf"^python pip failed: {reason}"):
        environment.install("numpy==1.99", pins={})


def test_old_libraries_deprecations_are_ignored_by_pytest_and_by_what_tests_start(
    tmp_path: Path,
) -> None:
    environment = Environment(tmp_path, tmp_path)
    python_that(
        environment, f'echo "$*" > {tmp_path}/told\necho $PYTHONWARNINGS >> {tmp_path}/told'
    )
    assert environment.test(["tests/cells"]) == 0
    arguments, variable = (tmp_path / "told").read_text().splitlines()
    ignored = ["ignore::DeprecationWarning", "ignore::PendingDeprecationWarning"]
    assert [each for each in arguments.split() if each.startswith("-W")] == [
        f"-W{each}" for each in ignored
    ]
    assert variable == ",".join(ignored)


def test_a_withdrawn_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = (
        "WARNING: The candidate selected for download or install is a yanked version: 'cattrs' "
        "candidate (version 23.2.0 at https://example.org/cattrs.whl)\n"
    )
    monkeypatch.setattr("maintenance.lowest.environment._run", lambda *command: said)
    with pytest.raises(EnvironmentFailure, match="withdrawn by its authors .cattrs 23.2.0.; raise"):
        Environment(tmp_path, tmp_path).install("cattrs==23.2", pins={})


def test_versions_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    environment = Environment(tmp_path, tmp_path)
    python_that(environment, 'echo "$SAYS"\nexit 1')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAYS", "onnx 1.17 requires protobuf, which is not installed.")
        environment.check()
        patch.setenv("SAYS", "bnas-zoo 0.1.0 has requirement bnas-binops<0.2, but you have 0.2.0.")
        with pytest.raises(EnvironmentFailure, match="do not go together: bnas-zoo 0.1.0 has"):
            environment.check()


def test_the_versions_are_shown(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.write("constraints.txt", "torch==2.13.0\n")
    assert main(["--show", "zoo"], checkout.root) == 0
    assert capsys.readouterr().out == "bnas-zoo: attrs==23.2\n"


PINNED = ("torch", "torchvision", "pytest", "onnxruntime")
PINNED += ("nvidia-cuda-nvcc", "nvidia-cuda-nvdisasm")


@pytest.mark.parametrize(
    ("statuses", "arguments", "failed"),
    [
        ([0, 0], (), False),
        ([1, 0], (), True),
        ([0, 1], (), True),
        ([0], ("--alone",), False),
        ([5], ("--alone",), True),
        ([], (), True),
    ],
)
def test_a_package_passes_if_it_does_alone_and_with_its_extras(
    checkout: Checkout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    statuses: list[int],
    arguments: tuple[str, ...],
    failed: bool,
) -> None:
    checkout.write("constraints.txt", "".join(f"{name}==1\n" for name in PINNED))
    left, chosen = list(statuses), []

    class Pretended(Environment):
        def create(self) -> None:
            if not left:
                raise EnvironmentFailure("the disk is full")

        def install(self, *what: str, pins: dict[str, str]) -> None:
            assert pins.keys() == set(PINNED)

        def check(self) -> None:
            pass

        def test(self, selection: list[str]) -> int:
            chosen.append(selection)
            return left.pop(0)

    monkeypatch.setattr(command, "Environment", Pretended)
    monkeypatch.setattr(command, "build_wheels", lambda package, folder: {"cells": folder})
    checkout.write("tests/cells/test_plain.py", "import attrs\n")
    assert main([*arguments, "cells"], checkout.root) == failed
    said = capsys.readouterr()
    verdict = "FAILED" if failed else "passed"
    assert f"bnas-cells at its lowest versions: {verdict} (" in said.out
    assert said.err == ("" if statuses else "bnas-cells: the disk is full\n")
    plain = "tests/cells/test_plain.py"
    assert chosen == [[plain], ["tests/cells", f"--ignore={plain}"]][: len(statuses)]
