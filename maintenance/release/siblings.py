"""The version that a release sets, in its own pyproject and in the ranges of its siblings."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any

import attrs
import tomlkit
from packaging.requirements import Requirement
from packaging.version import Version as Number

from maintenance.distributions import (
    Distribution,
    distributions,
    requirement_lists,
    requirements_of,
)
from maintenance.public_api.promise import last_tag
from maintenance.release.fragments import FOLDER
from maintenance.release.needs import requirements_at
from maintenance.release.versions import Version


@attrs.frozen
class _Range:
    """What siblings are to ask for.

    Args:
        title: The distribution.
        version: Its new version.
        is_least: Whether none before it will do.
    """

    title: str
    version: Version
    is_least: bool

    @property
    def low(self) -> str:
        """The lowest version that will do."""
        is_exact = self.is_least and self.version.patch
        return str(self.version) if is_exact else self.version.series[0]

    def is_met_by(self, asked: Requirement) -> bool:
        """Whether a range is as it should be."""
        is_too_low = self.is_least and Number(_low(asked)) < Number(self.low)
        return asked.specifier.contains(str(self.version)) and not is_too_low


def set_version(package: Distribution, version: Version) -> None:
    """Write a version into a package's pyproject; all else stays as it is."""
    path = package.root / "pyproject.toml"
    document: Any = tomlkit.parse(path.read_text(encoding="utf-8"))
    document["project"]["version"] = str(version)
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def move_ranges(package: Distribution, version: Version) -> list[str]:
    """Let siblings ask for a version that their ranges leave out, or that they cannot do without.

    In one tree they were changed together with what they need, so the new series is the one that
    they work with. Each gets a fragment that says so: it needs a release of its own.

    A release that asks for another series of a sibling than the one before becomes the lowest that
    is asked for: beside the new series, the one before could not be installed.

    Args:
        package: What is released, in the checkout that is to be changed.
        version: Its new version.

    Returns:
        Short names of the siblings that changed.
    """
    target = _Range(package.title, version, _asks_anew(package))
    return [
        sibling.name
        for sibling in distributions(package.tree).values()
        if sibling.name != package.name and _move(sibling, target)
    ]


def _asks_anew(package: Distribution) -> bool:
    """Whether a package asks for siblings that its last release excludes."""
    last = last_tag(package)
    if last is None:
        return False
    before = {each.name: each.specifier for each in requirements_at(package, last)}
    return any(
        each.name.startswith("bnas-") and not before[each.name].contains(_low(each))
        for each in requirements_of(package.pyproject)
        if each.name in before
    )


def _low(asked: Requirement) -> str:
    return next((each.version for each in asked.specifier if each.operator == ">="), "0")


def _move(sibling: Distribution, target: _Range) -> bool:
    path = sibling.root / "pyproject.toml"
    document: Any = tomlkit.parse(path.read_text(encoding="utf-8"))
    # All of them: a list that any() leaves early would keep the old range.
    moved = [_move_in(each, target) for each in requirement_lists(document)]
    if not any(moved):
        return False
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    fragment = sibling.root / FOLDER / f"+{target.title}-{target.low}.changed.md"
    fragment.parent.mkdir(exist_ok=True)
    fragment.write_text(f"Needs {target.title} {target.low}.\n", encoding="utf-8")
    return True


def _move_in(requirements: MutableSequence[Any], target: _Range) -> bool:
    moved = False
    for place, line in enumerate(list(requirements)):
        asked = Requirement(line)
        if asked.name == target.title and not target.is_met_by(asked):
            extras = f"[{','.join(sorted(asked.extras))}]" if asked.extras else ""
            marker = f"; {asked.marker}" if asked.marker else ""
            high = target.version.series[1]
            requirements[place] = f"{target.title}{extras}>={target.low},<{high}{marker}"
            moved = True
    return moved
