"""A release is whole or is not: what forbids one, what it leaves, and that it is undone."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from maintenance.release import build, cut, git
from maintenance.release.__main__ import main
from maintenance.release.errors import ReleaseError

if TYPE_CHECKING:
    from conftest import Checkout

ZOO = "packages/zoo/src/bnas/zoo/__init__.py"
ANSWER = "def answer(question, *, loud=False):\n    return 42\n"


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the builds out: what they make is looked at in a test of its own."""

    def pretend(package: Any, folder: Path) -> list[Path]:
        wheel = folder / f"bnas_{package.name}-{package.version}-py3-none-any.whl"
        wheel.write_bytes(b"wheel")
        return [wheel]

    monkeypatch.setattr(cut, "build_twice", pretend)
    monkeypatch.setattr(cut, "check_built", lambda package, built: None)


def state(checkout: Checkout) -> tuple[str, ...]:
    """Everything that a release may change."""
    asked = (("rev-parse", "HEAD"), ("tag",), ("status", "--porcelain"), ("worktree", "list"))
    return tuple(checkout.git(*each) for each in asked)


def change(checkout: Checkout, kind: str = "added", source: str = ANSWER) -> None:
    """Commit a change of zoo, with its fragment."""
    checkout.write(f"packages/zoo/changelog.d/+news.{kind}.md", "`news`, which is\nnew.\n")
    checkout.write(ZOO, source)
    checkout.commit()


@pytest.fixture
def refused(
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Ask for a release that must not be; say why, in one line, and see that nothing changed."""

    def ask(checkout: Checkout, *arguments: str) -> str:
        before = state(checkout)
        assert main([*arguments], checkout.root) == 1
        assert state(checkout) == before
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    return ask


def test_an_unknown_package(checkout: Checkout, refused: Callable[..., str]) -> None:
    assert "one of binops, cells" in refused(checkout, "zoos")


def test_a_tree_that_is_not_committed(checkout: Checkout, refused: Callable[..., str]) -> None:
    checkout.write("packages/zoo/new.txt", "new\n")
    assert "packages/zoo/new.txt" in refused(checkout, "zoo")


def test_a_release_of_nothing(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    assert "no change since zoo-v0.1.0" in refused(released("zoo"), "zoo")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--version", "0.1.0"), "0.1.0 is too low after 0.1.0"),
        (("--version", "0.0.9"), "must be 0.1.1 or higher"),
        (("--version", "0.2"), "major.minor.patch"),
        (("--bump", "huge"), "patch, minor, major"),
        (("--bump", "minor", "--version", "0.2.0"), "not both"),
    ],
)
def test_versions_that_do_not_grow(
    released: Callable[[str], Checkout],
    refused: Callable[..., str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    checkout = released("zoo")
    change(checkout)
    assert told in refused(checkout, "zoo", *arguments)


def test_a_breaking_fragment_asks_for_more(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    change(checkout, "breaking")
    said = refused(checkout, "zoo", "--version", "0.1.9")
    assert "its fragments (breaking) raise the minor, so the version must be 0.2.0" in said


def test_public_names_that_are_not_kept(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    change(checkout, "breaking", "def ask(): ...\n")
    assert "make public-api" in refused(checkout, "zoo")


def test_public_names_ask_for_a_fragment_and_a_version(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    path = checkout.package("zoo").root / "public-api.txt"
    path.write_text(path.read_text().replace(", loud=False", ", quiet=False"))
    change(checkout, "added", ANSWER.replace("loud", "quiet"))
    assert "+<slug>.breaking.md" in refused(checkout, "zoo")
    checkout.git(
        "mv", "packages/zoo/changelog.d/+news.added.md", "packages/zoo/changelog.d/+n.removed.md"
    )
    checkout.commit()
    said = refused(checkout, "zoo", "--bump", "patch")
    assert "bnas.zoo.answer(loud): parameter was removed" in said
    assert "0.2.0 or higher" in said


def test_a_tag_that_exists(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    checkout.git("switch", "--quiet", "--create", "elsewhere")
    checkout.git("commit", "--quiet", "--allow-empty", "--message", "elsewhere")
    checkout.git("tag", "zoo-v0.1.1")
    checkout.git("switch", "--quiet", "main")
    change(checkout)
    assert "the tag zoo-v0.1.1 exists" in refused(checkout, "zoo")


def test_a_clone_without_tags(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    checkout.git("tag", "--delete", "zoo-v0.1.0")
    assert "git fetch --tags" in refused(checkout, "zoo")


def test_a_detached_head(checkout: Checkout, refused: Callable[..., str]) -> None:
    checkout.git("switch", "--quiet", "--detach")
    assert "needs a branch" in refused(checkout, "zoo")


def test_a_dry_run_leaves_nothing(
    checkout: Checkout, no_build: None, capsys: pytest.CaptureFixture[str]
) -> None:
    change(checkout)
    before = state(checkout)
    assert main(["zoo", "--dry-run"], checkout.root) == 0
    assert state(checkout) == before
    said = capsys.readouterr().out
    assert re.search(r"^## 0.1.0 \(\d{4}-\d\d-\d\d\)$", said, re.MULTILINE)
    assert "zoo-v0.1.0 would be made" in said
    assert "not released yet, and needed: binops, cells" in said


def test_the_first_release_dates_its_section_and_adds_to_it(
    checkout: Checkout, no_build: None
) -> None:
    change(checkout)
    assert main(["zoo"], checkout.root) == 0
    text = (checkout.package("zoo").root / "CHANGELOG.md").read_text()
    _, _, text = text.partition("<!-- towncrier release notes start -->\n")
    assert re.sub(r"\d{4}-\d\d-\d\d", "DATE", text) == (
        "\n## 0.1.0 (DATE)\n\n### Added\n\n- `news`, which is\n  new.\n\n"
        "### The first version\n\n- `answer`.\n"
    )


def test_a_first_release_without_fragments(checkout: Checkout, no_build: None) -> None:
    assert main(["cells", "--version", "1.0.0"], checkout.root) == 0
    text = (checkout.package("cells").root / "CHANGELOG.md").read_text()
    assert re.search(r"\n\n## 1\.0\.0 \(\d{4}-\d\d-\d\d\)\n\n### The first version\n", text)
    assert checkout.package("cells").version == "1.0.0"


def test_siblings_follow_a_breaking_release(
    released: Callable[[str], Checkout], no_build: None, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout = released("cells")
    checkout.write("packages/cells/changelog.d/+gone.removed.md", "`gone`.\n")
    checkout.commit()
    assert main(["cells"], checkout.root) == 0
    assert checkout.git("tag", "--list") == "cells-v0.1.0\ncells-v0.2.0"
    assert "bnas-cells 0.2.0\n\n## 0.2.0" in checkout.git(
        "tag", "--list", "-n9", "cells-v0.2.0"
    ).replace("    ", "")
    asked = {n: str(checkout.package(n).requirements) for n in ("search", "zoo", "tools")}
    assert all("<Requirement('bnas-cells<0.3,>=0.2')>" in text for text in asked.values())
    assert "bnas-binops<0.2,>=0.1" in asked["zoo"]
    for name in ("search", "zoo", "tools"):
        fragment = checkout.package(name).root / "changelog.d" / "+bnas-cells-0.2.changed.md"
        assert fragment.read_text() == "Needs bnas-cells 0.2.\n"
    assert "release those too" in capsys.readouterr().out
    assert checkout.git("status", "--porcelain") == "?? dist/"


def test_a_failing_check_leaves_nothing(
    checkout: Checkout,
    no_build: None,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(package: Any, built: list[Path]) -> None:
        raise ReleaseError("the wheel lacks a file")

    monkeypatch.setattr(cut, "check_built", fail)
    assert "the wheel lacks a file" in refused(checkout, "zoo")


def test_a_tag_that_fails_takes_the_commit_back(
    checkout: Checkout,
    no_build: None,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_tags(tree: Path, *arguments: str) -> str:
        if arguments[:2] == ("tag", "--annotate"):
            raise ReleaseError("git tag failed: no key to sign with")
        return git.git(tree, *arguments)

    monkeypatch.setattr(cut, "git", without_tags)
    assert "no key" in refused(checkout, "zoo")


def test_the_whole_way(
    released: Callable[[str], Checkout],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Build in earnest, offline, with the hatchling at hand; twine alone is left out."""
    checkout = released("zoo")
    change(checkout, "fixed")
    checked: list[Path] = []
    monkeypatch.setattr(build, "check_metadata", checked.extend)
    before = checkout.git("rev-parse", "HEAD")
    assert main(["zoo"], checkout.root) == 0
    assert checkout.git("rev-parse", "HEAD~1") == before
    assert checkout.git("rev-parse", "zoo-v0.1.1^{commit}") == checkout.git("rev-parse", "HEAD")
    assert checkout.git("cat-file", "-t", "zoo-v0.1.1") == "tag"
    assert checkout.git("show", "--name-status", "--format=%s", "HEAD").splitlines() == [
        "bnas-zoo 0.1.1",
        "",
        "M\tpackages/zoo/CHANGELOG.md",
        "D\tpackages/zoo/changelog.d/+news.fixed.md",
        "M\tpackages/zoo/pyproject.toml",
    ]
    built = sorted(path.name for path in (checkout.root / "dist").iterdir())
    assert built == ["bnas_zoo-0.1.1-py3-none-any.whl", "bnas_zoo-0.1.1.tar.gz"]
    assert sorted(path.name for path in checked) == built
    said = capsys.readouterr().out
    assert "twice the same" in said
    assert "git push --atomic origin HEAD zoo-v0.1.1" in said
    epoch = int(checkout.git("log", "-1", "--format=%ct"))
    with zipfile.ZipFile(checkout.root / "dist" / built[0]) as wheel:
        assert "bnas/zoo/py.typed" in wheel.namelist()
        dates = {entry.date_time for entry in wheel.infolist()}
    assert dates == {(*time.gmtime(epoch - epoch % 2)[:6],)}


def test_what_a_wheel_must_not_hold(checkout: Checkout, tmp_path: Path) -> None:
    package = checkout.package("cells")
    wheel = tmp_path / "bnas_cells-0.1.0-py3-none-any.whl"
    (tmp_path / "bnas_cells-0.1.0.tar.gz").write_bytes(b"")
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("METADATA", "WHEEL", "RECORD", "licenses/LICENSE"):
            archive.writestr(f"bnas_cells-0.1.0.dist-info/{name}", "Version: 0.1.0\n")
        archive.writestr("bnas/cells/__init__.py", "")
        archive.writestr("bnas/cells/py.typed", "")
        archive.writestr("bnas/__init__.py", "")
    built = sorted(tmp_path.glob("bnas_*"))
    with pytest.raises(ReleaseError, match="must not hold bnas/__init__.py"):
        build.check_built(package, built)
