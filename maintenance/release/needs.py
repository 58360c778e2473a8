"""What a package needs of its siblings, and whether a release of them has it."""

from __future__ import annotations

from packaging.requirements import Requirement

from maintenance.distributions import Distribution, distributions
from maintenance.public_api.promise import snapshot_at, versions
from maintenance.public_api.snapshot import Sections, listed_names
from maintenance.public_api.source import Source
from maintenance.release.versions import Version


def sibling_requirements(package: Distribution) -> dict[str, Requirement]:
    """Collect what a package asks for of siblings, its extras included: short name -> range."""
    every = [*package.requirements, *(r for lines in package.extras.values() for r in lines)]
    names = {each.title: each.name for each in distributions(package.tree).values()}
    return {
        names[r.name]: r for r in reversed(every) if names.get(r.name, package.name) != package.name
    }


def unreleased(package: Distribution) -> tuple[str, ...]:
    """Name the siblings that a package or an extra of it needs and that have no release."""
    siblings = distributions(package.tree)
    needed = sibling_requirements(package)
    return tuple(name for name in siblings if name in needed and not versions(siblings[name]))


def unmet(package: Distribution, source: Source) -> str | None:
    """Look whether the lowest release of each sibling that may be installed has what is imported.

    Args:
        package: The package.
        source: Its checkout.

    Returns:
        What is missing and what to do; None if nothing is.
    """
    for name, asked in sibling_requirements(package).items():
        sibling = distributions(package.tree)[name]
        released = versions(sibling)
        allowed = [each for each in released if asked.specifier.contains(str(each))]
        if released and not allowed:
            return (
                f"{package.title} asks for {asked}, and no release of {sibling.title} is that "
                f"(got {released[-1]}); release {name} first"
            )
        wanted = source.imports(package.name, name)
        having = [each for each in allowed if not _missing(sibling, each, wanted)]
        if allowed and allowed[0] not in having:
            module, lost = _missing(sibling, allowed[0], wanted)[0]
            remedy = f"raise {asked} to >={having[0]}" if having else f"release {name} first"
            return (
                f"{package.title} imports {module}.{lost}, which {sibling.title} {allowed[0]} does "
                f"not have; {remedy}{'' if having else f', and raise {asked} to that release'}"
            )
    return None


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
