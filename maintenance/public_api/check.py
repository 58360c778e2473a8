"""Whether a kept snapshot still says what the source says, and if not, what follows."""

from __future__ import annotations

from maintenance.distributions import Distribution
from maintenance.public_api.changes import compare
from maintenance.public_api.promise import demand, kinds_of
from maintenance.public_api.snapshot import FILE_NAME, make, parse, read
from maintenance.public_api.source import Source

RENEW = "python -m maintenance.public_api --write"


def difference(package: Distribution, source: Source) -> str | None:
    """Tell how a package's public names differ from the kept ones.

    Args:
        package: The distribution.
        source: The checkout that it belongs to.

    Returns:
        None if they do not; else the names, whether the change is breaking, which part of the
        version it asks for, and what to do.
    """
    text, kept = make(package, source), read(package)
    if text == kept:
        return None
    changes = compare(parse(kept), parse(text))
    verdict = (kinds_of(changes) or ["changed"])[0]
    return "\n".join(
        [
            f"{package.title}: public names differ from {package.folder}/{FILE_NAME} ({verdict}):",
            *changes.lines(),
            f"  the next version must raise the {demand(package, changes)}; write a fragment in "
            f"{package.folder}/changelog.d, then: {RENEW} (make public-api)",
        ]
    )
