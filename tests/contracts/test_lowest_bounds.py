"""Every dependency has a lowest version, and `make lowest` installs just that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from maintenance.distributions import Distribution
from maintenance.lowest.bounds import NO_EXTRAS, NOT_LOWERED, lowest, lowest_of, read_pins
from maintenance.lowest.selection import alone

if TYPE_CHECKING:
    from conftest import Package


def test_every_dependency_names_its_lowest_version(package: Package) -> None:
    declared = [*package.dependencies, *(r for extra in package.extras.values() for r in extra)]
    assert all(Version(lowest_of(each).removesuffix(".*")) for each in declared)


def test_the_lowest_versions_are_those_that_are_declared(package: Package, root: Path) -> None:
    chosen = lowest(Distribution(package.name, root), extras=True, pins=read_pins(root))
    versions = {canonicalize_name(r.name): r for r in map(Requirement, chosen)}
    extras = [r for name, rs in package.extras.items() if name not in NO_EXTRAS for r in rs]
    for requirement in [*package.dependencies, *extras]:
        name = canonicalize_name(requirement.name)
        if not name.startswith("bnas-"):
            assert {each.operator for each in versions[name].specifier} == {"=="}
            assert versions[name].extras >= requirement.extras
            assert name in NOT_LOWERED or lowest_of(requirement) in str(versions[name])


def test_siblings_agree_on_their_lower_bounds(packages: dict[str, Package]) -> None:
    """Two bounds for one distribution: one of them is never tested."""
    bounds: dict[str, set[str]] = {}
    for package in packages.values():
        extras = [r for requirements in package.extras.values() for r in requirements]
        for requirement in [*package.dependencies, *extras]:
            bounds.setdefault(canonicalize_name(requirement.name), set()).add(
                lowest_of(requirement)
            )
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


def test_some_tests_need_no_extra(root: Path) -> None:
    files = alone(Distribution("cells", root))
    every = list((root / "tests" / "cells").rglob("test_*.py"))
    assert len(every) / 4 < len(files) < len(every)
