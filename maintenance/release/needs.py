"""What a package needs of its siblings, and whether releases of them that go together have it."""

from __future__ import annotations

import tomllib

from packaging.requirements import Requirement

from maintenance.distributions import Distribution, distributions, requirements_of
from maintenance.public_api.promise import snapshot_at, versions
from maintenance.public_api.snapshot import Sections, listed_names
from maintenance.public_api.source import Source
from maintenance.release.git import git
from maintenance.release.versions import Version


def sibling_requirements(package: Distribution) -> dict[str, Requirement]:
    """Collect what a package asks for of siblings, its extras included: short name -> range."""
    every = requirements_of(package.pyproject)
    names = {each.title: each.name for each in distributions(package.tree).values()}
    return {
        names[r.name]: r for r in reversed(every) if names.get(r.name, package.name) != package.name
    }


def unreleased(package: Distribution) -> tuple[str, ...]:
    """Name the siblings that a package or an extra of it needs and that have no release."""
    siblings = distributions(package.tree)
    needed = sibling_requirements(package)
    return tuple(name for name in siblings if name in needed and not versions(siblings[name]))


def requirements_at(package: Distribution, tag: str) -> list[Requirement]:
    """Read what a package asked for at a tag, its extras included."""
    text = git(package.tree, "show", f"{tag}:{package.folder}/pyproject.toml")
    return requirements_of(tomllib.loads(text))


def unmet(package: Distribution, source: Source) -> str | None:
    """Look at the lowest release of each sibling that may be installed with a package.

    It must have what the package imports, and go together with the lowest of the others.

    Args:
        package: The package.
        source: Its checkout.

    Returns:
        What is missing and what to do; None if nothing is.
    """
    lowest = _Lowest(package, source)
    for look in (lowest.outside, lowest.lacking, lowest.apart):
        for name in lowest.asked:
            if told := look(name):
                return told
    return None


class _Lowest:
    """Releases of siblings that a package's ranges allow, the lowest first.

    Args:
        package: The package.
        source: Its checkout.
    """

    def __init__(self, package: Distribution, source: Source) -> None:
        self._package = package
        self._source = source
        self._siblings = distributions(package.tree)
        self.asked = sibling_requirements(package)
        self._allowed = {
            name: [each for each in versions(self._siblings[name]) if _takes(asked, each)]
            for name, asked in self.asked.items()
        }

    def outside(self, name: str) -> str | None:
        """Say that all releases of a sibling are outside of the range."""
        sibling, released = self._siblings[name], versions(self._siblings[name])
        if not released or self._allowed[name]:
            return None
        return (
            f"{self._package.title} asks for {self.asked[name]}, and no release of {sibling.title} "
            f"is that (got {released[-1]}); release {name} first"
        )

    def lacking(self, name: str) -> str | None:
        """Say which name is imported that a sibling's lowest release does not have."""
        sibling, allowed, asked = self._siblings[name], self._allowed[name], self.asked[name]
        wanted = self._source.imports(self._package.name, name)
        having = [each for each in allowed if not _missing(sibling, each, wanted)]
        if not allowed or allowed[0] in having:
            return None
        module, lost = _missing(sibling, allowed[0], wanted)[0]
        remedy = f"raise {asked} to >={having[0]}" if having else f"release {name} first"
        return (
            f"{self._package.title} imports {module}.{lost}, which {sibling.title} {allowed[0]} "
            f"does not have; {remedy}{'' if having else f', and raise {asked} to that release'}"
        )

    def apart(self, name: str) -> str | None:
        """Say that a sibling's lowest release excludes the lowest of another one."""
        sibling, allowed = self._siblings[name], self._allowed[name]
        clashes = {each: self._clash(name, each) for each in allowed}
        if not allowed or (clash := clashes[allowed[0]]) is None:
            return None
        other, its = clash
        mine, remedy = self.asked[other], f"release {name} first"
        if together := [each for each in self._allowed[other] if _takes(its, each)]:
            remedy = f"raise {mine} to >={together[0]}"
        elif later := [each for each in allowed if clashes[each] is None]:
            remedy = f"raise {self.asked[name]} to >={later[0]}"
        return (
            f"{sibling.title} {allowed[0]} asks for {its}, and {self._package.title} for {mine}; "
            f"{remedy}"
        )

    def _clash(self, name: str, version: Version) -> tuple[str, Requirement] | None:
        """Find a range in a sibling's release that excludes another sibling's lowest release."""
        others = {self._siblings[other].title: other for other in self.asked}
        for its in requirements_at(self._siblings[name], f"{name}-v{version}"):
            other = others.get(its.name)
            if other and (allowed := self._allowed[other]) and not _takes(its, allowed[0]):
                return other, its
        return None


def _takes(asked: Requirement, version: Version) -> bool:
    return asked.specifier.contains(str(version))


def _missing(
    sibling: Distribution, version: Version, wanted: set[tuple[str, str]]
) -> list[tuple[str, str]]:
    """List the imports that a release's snapshot has not."""
    sections: Sections = snapshot_at(sibling, f"{sibling.name}-v{version}") or {}
    has = {(module, name) for module, stub in sections.items() for name in listed_names(stub)}
    return sorted(
        (module, name)
        for module, name in wanted
        if (module, name) not in has and f"{module}.{name}" not in sections
    )
