"""The lowest versions that a package declares, as requirements that name exactly those."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from maintenance.distributions import Distribution, distributions

#: What is not lowered. torch's older wheels bring another toolkit of CUDA each, gigabytes of it,
#: and torchvision fits one version of torch alone: both stay as constraints.txt pins them, and
#: what they are given is the lowest NumPy, Pillow and so on. Their lower bounds are not proved.
NOT_LOWERED = ("torch", "torchvision")
#: Extras that are left out: `cuda12` excludes `cuda`, no test needs the runtimes of `bench`.
NO_EXTRAS = ("bench", "cuda12")


@attrs.frozen
class BoundError(Exception):
    """A requirement without a lowest version."""

    message: str

    def __str__(self) -> str:
        return self.message


def lowest_of(requirement: Requirement) -> str:
    """Name the lowest version that a requirement allows: "23.2", or "13.0.*" for a series.

    Raises:
        BoundError: If it allows any.
    """
    for specifier in requirement.specifier:
        if specifier.operator in (">=", "=="):
            return specifier.version
    raise BoundError(
        f"`{requirement}` must name its lowest version (got none); write {requirement.name}>=…"
    )


def requirements(package: Distribution, *, extras: bool) -> list[Requirement]:
    """List what a package declares, of siblings too: those of a sibling that it asks for.

    Args:
        package: The package.
        extras: Whether to count what its extras bring.
    """
    wanted = list(package.requirements)
    if extras:
        chosen = [name for name in package.extras if name not in NO_EXTRAS]
        wanted += [each for name in chosen for each in package.extras[name]]
    return list(_with_siblings(wanted, package.tree, set()))


def _with_siblings(
    wanted: Iterable[Requirement], tree: Path, seen: set[str]
) -> Iterator[Requirement]:
    siblings = {each.title: each for each in distributions(tree).values()}
    for requirement in wanted:
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        yield requirement
        if sibling := siblings.get(requirement.name):
            inner = list(sibling.requirements)
            for extra in sorted(requirement.extras):
                inner += sibling.extras[extra]
            yield from _with_siblings(inner, tree, seen)


def lowest(package: Distribution, *, extras: bool, pins: dict[str, str]) -> list[str]:
    """Name what to install beside the wheels of this tree: one version each, the lowest.

    Args:
        package: The package.
        extras: Whether its extras are to be there.
        pins: Versions of `NOT_LOWERED`.

    Returns:
        Requirements like ``numpy==1.26``, sorted; where several of the tree's packages declare
        one, the highest of their lower bounds.
    """
    found: dict[str, tuple[Version, str, set[str]]] = {}
    for requirement in requirements(package, extras=extras):
        name = canonicalize_name(requirement.name)
        if name.startswith("bnas-"):
            continue
        text = pins[name] if name in NOT_LOWERED else lowest_of(requirement)
        number = Version(text.removesuffix(".*"))
        known = found.get(name, (number, text, set()))
        highest = max(known[:2], (number, text), key=lambda each: each[0])
        found[name] = (*highest, known[2] | requirement.extras)
    lines = []
    for known_name, (_, text, asked) in sorted(found.items()):
        brackets = f"[{','.join(sorted(asked))}]" if asked else ""
        lines.append(f"{known_name}{brackets}=={text}")
    return lines


def read_pins(tree: Path) -> dict[str, str]:
    """Read constraints.txt: distribution -> version."""
    lines = (tree / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}
