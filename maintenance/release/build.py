"""Wheel and sdist of a commit, built twice, and what must hold of them."""

from __future__ import annotations

import email.parser
import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pathspec

from maintenance.distributions import Distribution
from maintenance.release.errors import ReleaseError
from maintenance.release.git import export, git

_METADATA = {"METADATA", "WHEEL", "RECORD", "licenses/LICENSE"}
_PAPERS = {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}


def build_twice(package: Distribution, folder: Path) -> list[Path]:
    """Build the last commit of a checkout twice, in two places, and compare the bytes.

    Args:
        package: The package, in a checkout whose last commit is to be built.
        folder: An empty folder for what is built.

    Returns:
        The wheel and the sdist.

    Raises:
        ReleaseError: If a build fails or the two differ.
    """
    epoch = git(package.tree, "log", "-1", "--format=%ct")
    copy = export(package.tree, package.folder, folder / "copy")
    first = _build(package.root, folder / "first", epoch)
    second = _build(copy, folder / "second", epoch)
    for one, other in zip(first, second, strict=True):
        if one.name != other.name or _digest(one) != _digest(other):
            raise ReleaseError(
                f"{one.name} must have the same bytes whenever it is built (got {_digest(one)} and "
                f"{_digest(other)}); find what differs with diffoscope"
            )
    return first


def _build(root: Path, out: Path, epoch: str) -> list[Path]:
    """Build the sdist, and the wheel from the sdist, with the hatchling that is there."""
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(root))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    _run(command, environment)
    return sorted(out.iterdir())


def _run(command: tuple[str, ...], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise ReleaseError(f"{' '.join(command[1:3])} failed: {said[-1]}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def check_built(package: Distribution, built: list[Path]) -> None:
    """Look into what was built: the version, the files of the commit and no others, the metadata.

    Raises:
        ReleaseError: If something is missing, too much or malformed.
    """
    wheel = next(path for path in built if path.suffix == ".whl")
    sdist = next(path for path in built if path.name.endswith(".tar.gz"))
    stem = f"bnas_{package.name}-{package.version}"
    source = _source(package)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(f"{stem}.dist-info/METADATA")
    about = {f"{stem}.dist-info/{name}" for name in _METADATA | _entry_points(package)}
    _same(wheel, names, source | about)
    with tarfile.open(sdist) as archive:
        inside = {name.removeprefix(f"{stem}/") for name in archive.getnames()}
    _same(sdist, inside - {".gitignore"}, {f"src/{p}" for p in source} | _PAPERS | {"PKG-INFO"})
    stated = email.parser.BytesParser().parsebytes(metadata)["Version"]
    if stated != package.version:
        raise ReleaseError(f"{wheel.name} must state {package.version} (got {stated})")
    check_metadata(built)


def _source(package: Distribution) -> set[str]:
    """Name the files of the commit that belong into a wheel, as they are called in there."""
    settings = package.pyproject.get("tool", {}).get("hatch", {}).get("build", {})
    # Read as hatchling reads it: by .gitignore's rules.
    excluded = pathspec.GitIgnoreSpec.from_lines(settings.get("exclude", []))
    listed = git(package.tree, "ls-files", f"{package.folder}/src").splitlines()
    files = [path.removeprefix(f"{package.folder}/") for path in listed]
    return {path.removeprefix("src/") for path in files if not excluded.match_file(path)}


def _entry_points(package: Distribution) -> set[str]:
    return {"entry_points.txt"} if "scripts" in package.pyproject["project"] else set()


def _same(path: Path, names: set[str], wanted: set[str]) -> None:
    for what, some in (("lacks", wanted - names), ("must not hold", names - wanted)):
        if some:
            raise ReleaseError(f"{path.name} {what} {sorted(some)[0]}; see [tool.hatch.build]")


def check_metadata(built: list[Path]) -> None:
    """Let twine read what an index would: metadata, and the README as it would be shown."""
    _run((sys.executable, "-m", "twine", "check", "--strict", *map(str, built)))
