"""One identity a package: folder, distribution, import name, version; nobody owns the namespace."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from maintenance.distributions import Distribution
from maintenance.release.changelog import CONFIG
from maintenance.release.fragments import fragments

if TYPE_CHECKING:
    from conftest import Package

MAX_LINES = 500


def test_nobody_owns_the_namespace(tree: list[Path]) -> None:
    owners = [path for path in tree if path.match("src/bnas/*") and path.is_file()]
    assert owners == []


def test_source_folder_holds_one_import_name(package: Package) -> None:
    above = [path.name for path in (package.root / "src").iterdir()]
    beside = [path.name for path in package.source.parent.iterdir() if path.name != "__pycache__"]
    assert (above, beside) == (["bnas"], [package.name])


def test_distribution_is_named_after_its_folder(package: Package) -> None:
    assert package.project["name"] == f"bnas-{package.name}"


def test_package_has_its_papers(package: Package) -> None:
    at_root = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
    expected = [package.root / name for name in at_root]
    expected += [package.source / name for name in ("__init__.py", "py.typed")]
    assert [path for path in expected if not path.is_file()] == []


def test_licence_is_the_root_licence(package: Package, root: Path) -> None:
    licence = (root / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert (package.root / "LICENSE").read_text(encoding="utf-8") == licence
    assert package.project["license"] == "Apache-2.0"


def test_version_is_the_newest_of_the_changelog(package: Package) -> None:
    changelog = (package.root / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", changelog, flags=re.MULTILINE)
    assert versions[:1] == [package.project["version"]]


def test_a_release_finds_its_place_in_the_changelog(package: Package) -> None:
    start = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["tool"]["towncrier"]["start_string"]
    changelog = (package.root / "CHANGELOG.md").read_text(encoding="utf-8")
    before, _, after = changelog.partition(start)
    assert "\n## " not in before
    assert after.startswith("\n## ")


def test_every_fragment_is_one(package: Package, root: Path) -> None:
    """A wrong name or an empty file is told here, long before the release that would refuse it."""
    found = fragments(Distribution(package.name, root))
    assert all(len(each.path.read_text(encoding="utf-8").splitlines()) < 8 for each in found)


def test_pants_finds_every_source_root(packages: dict[str, Package], root: Path) -> None:
    settings = tomllib.loads((root / "pants.toml").read_text(encoding="utf-8"))
    patterns = settings["source"]["root_patterns"]
    assert "/tests" in patterns
    for package in packages.values():
        for folder in (package.root / "src", package.root):
            path = PurePosixPath("/") / folder.relative_to(root)
            assert any(path.match(pattern) for pattern in patterns), path


def test_no_file_is_long(tree: list[Path]) -> None:
    lengths = {p: len(p.read_bytes().splitlines()) for p in tree if p.suffix == ".py"}
    assert lengths
    assert {path: n for path, n in lengths.items() if n > MAX_LINES} == {}


def test_no_two_tests_of_a_package_share_a_name(tree: list[Path], root: Path) -> None:
    tests = [path for path in tree if path.match("tests/*/*.py") and path.name != "conftest.py"]
    assert [path for path in tests if not path.name.startswith("test_")] == []
    assert not list((root / "tests").rglob("__init__.py"))
