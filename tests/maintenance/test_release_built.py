"""What is built is looked into: the same bytes twice, the commit's files, the version."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maintenance.release import build
from maintenance.release.errors import ReleaseError

if TYPE_CHECKING:
    from conftest import Checkout

ABOUT = "bnas_cells-0.1.0.dist-info/"
FILES = {"bnas/cells/__init__.py", "bnas/cells/py.typed"}
WHEEL = FILES | {f"{ABOUT}{name}" for name in ("METADATA", "WHEEL", "RECORD", "licenses/LICENSE")}
SDIST = {f"src/{name}" for name in FILES} | {
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "PKG-INFO",
}


def pretend(folder: Path, wheel: set[str], sdist: set[str], version: str = "0.1.0") -> list[Path]:
    """Write a wheel and an sdist of cells 0.1.0 that hold these files."""
    whl, tar = folder / "bnas_cells-0.1.0-py3-none-any.whl", folder / "bnas_cells-0.1.0.tar.gz"
    with zipfile.ZipFile(whl, "w") as archive:
        for name in sorted(wheel):
            archive.writestr(name, f"Version: {version}\n")
    with tarfile.open(tar, "w:gz") as archive:
        for name in sorted(sdist):
            archive.addfile(tarfile.TarInfo(f"bnas_cells-0.1.0/{name}"), io.BytesIO())
    return [whl, tar]


@pytest.mark.parametrize(
    ("wheel", "sdist", "version", "told"),
    [
        (WHEEL | {"bnas/__init__.py"}, SDIST, "0.1.0", r"\.whl must not hold bnas/__init__\.py"),
        (WHEEL - {"bnas/cells/py.typed"}, SDIST, "0.1.0", r"\.whl lacks bnas/cells/py\.typed"),
        (WHEEL, SDIST | {"tests/test.py"}, "0.1.0", r"\.tar\.gz must not hold tests/test\.py"),
        (WHEEL, SDIST - {"LICENSE"}, "0.1.0", r"\.tar\.gz lacks LICENSE"),
        (WHEEL, SDIST, "0.2.0", r"\.whl must state 0\.1\.0 \(got 0\.2\.0\)"),
    ],
)
def test_what_is_built_holds_what_it_should(
    checkout: Checkout,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wheel: set[str],
    sdist: set[str],
    version: str,
    told: str,
) -> None:
    monkeypatch.setattr(build, "check_metadata", lambda built: None)
    package = checkout.package("cells")
    build.check_built(package, pretend(tmp_path, WHEEL, SDIST))
    with pytest.raises(ReleaseError, match=told):
        build.check_built(package, pretend(tmp_path, wheel, sdist, version))


@pytest.mark.parametrize("differs", ["bytes", "name"])
def test_two_builds_that_differ_are_refused(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    def built(root: Path, out: Path, epoch: str) -> list[Path]:
        out.mkdir()
        is_second = out.name == "second"
        path = out / ("two.whl" if is_second and differs == "name" else "one.whl")
        path.write_bytes(b"second" if is_second and differs == "bytes" else b"first")
        return [path]

    monkeypatch.setattr(build, "_build", built)
    with pytest.raises(ReleaseError, match=r"one\.whl must have the same bytes"):
        build.build_twice(checkout.package("cells"), tmp_path)
