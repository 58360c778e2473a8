"""What a package declares is what it imports, and constraints.txt pins all of it."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from conftest import Import, Package

DISTRIBUTIONS = importlib.metadata.packages_distributions()
# numba.cuda is kept alive by a distribution of its own, which need not be installed to be declared.
OWN_DISTRIBUTION = {"numba.cuda": "numba-cuda", "cuda.bindings": "cuda-bindings"}
# Declared for their versions: what numba-cuda uses of them must be old enough for the driver, and
# PyArrow newer than Ray Data asks for.
VERSION_ONLY = {"binops": {"cuda-toolkit", "nvidia-nvjitlink"}, "tools": {"pyarrow"}}


def distribution_of(module: str) -> str | None:
    """Name the distribution that provides a module; None for the standard library."""
    parts = module.split(".")
    if parts[0] == "bnas":
        return f"bnas-{parts[1]}"
    if parts[0] in sys.stdlib_module_names:
        return None
    if special := OWN_DISTRIBUTION.get(".".join(parts[:2])):
        return special
    return canonicalize_name(DISTRIBUTIONS.get(parts[0], [parts[0]])[0])


def imported(package: Package, found: Iterable[Import]) -> set[str]:
    names = {distribution_of(each.module) for each in found}
    return {name for name in names if name and name != f"bnas-{package.name}"}


def names(requirements: Iterable[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def every_requirement(package: Package) -> list[Requirement]:
    return package.dependencies + [each for extra in package.extras.values() for each in extra]


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pinned}


def test_every_import_is_declared(package: Package) -> None:
    undeclared = imported(package, package.imports) - names(every_requirement(package))
    assert undeclared == set()


def test_every_declaration_is_imported(package: Package) -> None:
    unused = names(every_requirement(package)) - imported(package, package.imports)
    assert unused <= VERSION_ONLY.get(package.name, set())


def test_what_an_extra_brings_is_imported_in_its_module_or_late(package: Package) -> None:
    """A file may import an extra's distribution at once only if it is named after that extra."""
    core = names(package.dependencies)
    extras = [(extra, name) for extra, wants in package.extras.items() for name in names(wants)]
    wrong = []
    for found in package.imports:
        wanted = distribution_of(found.module)
        part = found.path.relative_to(package.source).parts[0].removesuffix(".py")
        bringing = [extra for extra, name in extras if name == wanted]
        at_home = any(re.fullmatch(rf"_?{extra}(_\w+)?", part) for extra in bringing)
        if bringing and found.on_import and not at_home and wanted not in core:
            wrong.append(str(found))
    assert wrong == []


def test_siblings_come_as_ranges_that_hold(package: Package, packages: dict[str, Package]) -> None:
    for requirement in every_requirement(package):
        if requirement.name.startswith("bnas-"):
            sibling = packages[requirement.name.removeprefix("bnas-")]
            operators = {specifier.operator for specifier in requirement.specifier}
            assert operators == {">=", "<"}, str(requirement)
            assert requirement.specifier.contains(sibling.project["version"]), str(requirement)
            assert requirement.extras <= sibling.extras.keys(), str(requirement)


def test_a_sibling_s_extra_is_asked_for_where_it_is_used(
    package: Package, packages: dict[str, Package]
) -> None:
    asked = {(r.name, extra) for r in every_requirement(package) for extra in r.extras}
    for found in package.imports:
        _, name, part = (*found.module.split("."), "", "")[:3]
        if found.module.startswith("bnas.") and name != package.name:
            needed = part in packages[name].extras
            assert not needed or (f"bnas-{name}", part) in asked, str(found)


def test_every_declaration_is_pinned_inside_its_range(
    package: Package, pins: dict[str, str]
) -> None:
    declared = tomllib.loads((package.root / "pyproject.toml").read_text(encoding="utf-8"))
    build = [Requirement(line) for line in declared["build-system"]["requires"]]
    for requirement in every_requirement(package) + build:
        if not requirement.name.startswith("bnas-"):
            pin = pins[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(pin), f"{requirement} against {pin}"


def closure(wanted: Iterable[str]) -> dict[str, str]:
    """Follow the requirements of what is installed here: distribution -> version."""
    found: dict[str, str] = {}
    todo = [canonicalize_name(name) for name in wanted]
    while todo:
        name = todo.pop()
        if name in found or name.startswith("bnas-"):
            continue
        try:
            installed = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = installed.version
        wants = [Requirement(line) for line in installed.requires or ()]
        todo += names(r for r in wants if r.marker is None or r.marker.evaluate({"extra": ""}))
    return found


def test_pins_are_the_versions_that_run_here(
    packages: dict[str, Package], pins: dict[str, str]
) -> None:
    wanted = {name for p in packages.values() for name in names(every_requirement(p))}
    running = closure(wanted | {"pytest", "hypothesis", "hatchling", "ruff"})
    assert {"torch", "numba", "numpy"} <= running.keys()
    differ = {n: v for n, v in running.items() if Version(v).public != pins.get(n)}
    # A CUDA build of torch brings the vendor's libraries; torch pins those itself.
    assert {n for n in differ if not n.startswith(("nvidia-", "triton", "cuda-"))} == set()


def test_torch_is_pinned_for_every_build_of_it(pins: dict[str, str]) -> None:
    assert (pins["torch"], pins["torchvision"]) == ("2.13.0", "0.28.0")
    assert [version for version in pins.values() if not re.fullmatch(r"[\w.]+", version)] == []


def test_make_installs_the_pinned_torch_under_constraints(root: Path, pins: dict[str, str]) -> None:
    recipe = (root / "Makefile").read_text(encoding="utf-8")
    installs = re.findall(r"/bin/pip install (.*)", recipe)
    assert len(installs) == 6
    assert all(line.startswith("$(PIP_FLAGS)") for line in installs)
    assert "--constraint constraints.txt" in recipe
    assert f"torch=={pins['torch']}\n" in recipe
    assert f"torchvision=={pins['torchvision']}\n" in recipe
