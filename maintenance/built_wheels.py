"""What `make pants` asks of its wheels: the five, each of its version, its folder and no more.

Standard library only: no environment is set up for it.
"""

from __future__ import annotations

import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

#: In a source folder, and in no wheel.
NOT_SHIPPED = {"BUILD", "__pycache__"}


def distribution_roots(tree: Path) -> list[Path]:
    """Find the folders of the distributions: those with a pyproject.toml and a `src`.

    Args:
        tree: Root of the checkout.
    """
    folders = sorted(tree.glob("packages/*")) + [tree / "tools"]
    return [folder for folder in folders if (folder / "pyproject.toml").is_file()]


def source_files(root: Path) -> set[str]:
    """Name the files that the wheel of a distribution has to hold, as paths in the wheel.

    Args:
        root: Folder of the distribution.
    """
    source = root / "src"
    files = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if NOT_SHIPPED.isdisjoint(path.parts)}


def faults_of_wheel(wheel: Path, root: Path, version: str) -> Iterator[str]:
    """Say what is wrong with one wheel.

    Args:
        wheel: The file.
        root: Folder of its distribution.
        version: The version that its pyproject.toml states.
    """
    expected = source_files(root)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    if len(names) != len(set(names)):
        yield f"{wheel.name} must hold every file once"
    metadata = f"{wheel.name.split('-')[0]}-{version}.dist-info/"
    inside = {name for name in names if not name.startswith(metadata)}
    for name in sorted(expected - inside):
        yield f"{wheel.name} must hold {name}: name it in the `resources` of the BUILD file there"
    for name in sorted(inside - expected):
        yield f"{wheel.name} must not hold {name}, which its source folder does not hold"


def faults(tree: Path, folder: Path) -> Iterator[str]:
    """Say what is wrong with the wheels of a folder.

    Args:
        tree: Root of the checkout.
        folder: Where the wheels lie.
    """
    wanted = set()
    for root in distribution_roots(tree):
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        name = project["name"].replace("-", "_")
        wheel = folder / f"{name}-{project['version']}-py3-none-any.whl"
        wanted.add(wheel.name)
        if wheel.is_file():
            yield from faults_of_wheel(wheel, root, project["version"])
        else:
            yield f"{folder} must hold {wheel.name}"
    for wheel in sorted(folder.glob("*.whl")):
        if wheel.name not in wanted:
            yield f"{folder} must hold the wheels of the distributions only (got {wheel.name})"


def main() -> int:
    """Check the wheels of the folder that is named, and return the exit status."""
    folder = Path(sys.argv[1])
    found = list(faults(Path.cwd(), folder))
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        wheels = sorted(folder.glob("*.whl"))
        print(f"{len(wheels)} wheels, each its own folder of the namespace:")
        for wheel in wheels:
            print(f"  {wheel} {wheel.stat().st_size / 1000:.0f} kB")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
