"""The version that a release sets, in its own pyproject and in the ranges of its siblings."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import Any

import tomlkit
from packaging.requirements import Requirement

from maintenance.distributions import Distribution, distributions
from maintenance.release.fragments import FOLDER
from maintenance.release.versions import Version


def set_version(package: Distribution, version: Version) -> None:
    """Write a version into a package's pyproject; all else stays as it is."""
    path = package.root / "pyproject.toml"
    document: Any = tomlkit.parse(path.read_text(encoding="utf-8"))
    document["project"]["version"] = str(version)
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def move_ranges(package: Distribution, version: Version) -> list[str]:
    """Let siblings ask for a version that their ranges leave out.

    In one tree they were changed together with what they need, so the new series is the one that
    they work with. Each gets a fragment that says so: it needs a release of its own.

    Args:
        package: What is released, in the checkout that is to be changed.
        version: Its new version.

    Returns:
        Short names of the siblings that changed.
    """
    return [
        sibling.name
        for sibling in distributions(package.tree).values()
        if sibling.name != package.name and _move(sibling, package.title, version)
    ]


def _move(sibling: Distribution, title: str, version: Version) -> bool:
    path = sibling.root / "pyproject.toml"
    document: Any = tomlkit.parse(path.read_text(encoding="utf-8"))
    project = document["project"]
    lists = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
    # All of them: a list that any() leaves early would keep the old range.
    moved = [_move_in(each, title, version) for each in lists]
    if not any(moved):
        return False
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    fragment = sibling.root / FOLDER / f"+{title}-{version.series[0]}.changed.md"
    fragment.parent.mkdir(exist_ok=True)
    fragment.write_text(f"Needs {title} {version.series[0]}.\n", encoding="utf-8")
    return True


def _move_in(requirements: MutableSequence[Any], title: str, version: Version) -> bool:
    moved = False
    for place, line in enumerate(list(requirements)):
        asked = Requirement(line)
        if asked.name == title and not asked.specifier.contains(str(version)):
            extras = f"[{','.join(sorted(asked.extras))}]" if asked.extras else ""
            low, high = version.series
            requirements[place] = f"{title}{extras}>={low},<{high}"
            moved = True
    return moved
