"""The changelog of a release: fragments put together by towncrier, the section dated."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from pathlib import Path

from maintenance.distributions import Distribution
from maintenance.release.errors import ReleaseError
from maintenance.release.versions import Version

FILE_NAME = "CHANGELOG.md"
#: What stands for the date until the first release.
UNRELEASED = "(unreleased)"
CONFIG = Path(__file__).with_name("towncrier.toml")


def read_changelog(package: Distribution) -> str:
    """Read a package's changelog."""
    return (package.root / FILE_NAME).read_text(encoding="utf-8")


def today() -> str:
    """Today's date, in UTC."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def write_changelog(
    package: Distribution, version: Version, *, has_fragments: bool, is_first: bool
) -> None:
    """Put the fragments into the changelog, under the version and today's date, and remove them.

    The first release dates the section that was there from the beginning; fragments come below
    what it says, for they tell of changes to something that nobody had yet.

    Args:
        package: The package, in the checkout that is to be changed.
        version: The version to release.
        has_fragments: Whether there are any.
        is_first: Whether it is the package's first release.
    """
    if has_fragments:
        _run_towncrier(package, version)
    text = read_changelog(package)
    if is_first:
        top, _, first = re.split(rf"^## (\S+) {re.escape(UNRELEASED)}\n", text, flags=re.MULTILINE)
        heading = f"## {version} ({today()})\n"
        before, _, told = top.partition(heading)
        text = f"{before}{heading}{first.rstrip()}\n{told.rstrip()}\n"
    # towncrier parts two releases by two empty lines.
    text = re.sub(r"\n{3,}", "\n\n", text)
    (package.root / FILE_NAME).write_text(text, encoding="utf-8")


def _run_towncrier(package: Distribution, version: Version) -> None:
    command = (sys.executable, "-m", "towncrier", "build", "--yes", "--config", str(CONFIG))
    options = ("--dir", str(package.root), "--version", str(version), "--date", today())
    done = subprocess.run(
        (*command, *options), cwd=package.root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise ReleaseError(f"towncrier failed: {said[-1]}")


def section(package: Distribution) -> str:
    """Cut the newest section out of a changelog."""
    _, *parts = re.split(r"^(?=## )", read_changelog(package), flags=re.MULTILINE)
    return parts[0].strip() if parts else ""
