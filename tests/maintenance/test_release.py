"""What a release makes: the changelog, the commit, the tag, wheel and sdist."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maintenance.release import build
from maintenance.release.__main__ import main

if TYPE_CHECKING:
    from conftest import Checkout


def test_a_dry_run_leaves_nothing(
    checkout: Checkout, no_build: None, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.change()
    before = checkout.state()
    assert main(["zoo", "--dry-run"], checkout.root) == 0
    assert checkout.state() == before
    said = capsys.readouterr().out
    assert re.search(r"^## 0.1.0 \(\d{4}-\d\d-\d\d\)$", said, re.MULTILINE)
    assert "zoo-v0.1.0 would be made" in said
    assert "not released yet, and needed: binops, cells" in said


def test_the_first_release_dates_its_section_and_adds_below_it(
    released: Callable[[str], Checkout], no_build: None
) -> None:
    released("binops")
    checkout = released("cells")
    checkout.change()
    assert main(["zoo"], checkout.root) == 0
    text = (checkout.package("zoo").root / "CHANGELOG.md").read_text()
    _, _, text = text.partition("<!-- towncrier release notes start -->\n")
    assert re.sub(r"\d{4}-\d\d-\d\d", "DATE", text) == (
        "\n## 0.1.0 (DATE)\n\n### The first version\n\n- `answer`.\n\n"
        "### Added\n\n- `news`, which is\n  new.\n"
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


def test_who_asks_for_another_series_becomes_the_lowest_that_is_asked_for(
    released: Callable[[str], Checkout], no_build: None
) -> None:
    """Keep lowest versions that go together: zoo 0.1.0 cannot be had with binops 0.2."""
    checkout = released("zoo")
    marked = "bnas-zoo>=0.1,<0.2; python_version>'3'"
    checkout.edit("tools", "pyproject.toml", "bnas-zoo>=0.1,<0.2", marked)
    checkout.write(".gitignore", "dist/\n")
    checkout.write("packages/binops/changelog.d/+gone.removed.md", "`gone`.\n")
    checkout.commit()
    assert main(["binops"], checkout.root) == 0
    assert main(["zoo"], checkout.root) == 0
    assert checkout.package("zoo").version == "0.1.1"
    asked = [str(each) for each in checkout.package("tools").requirements]
    assert 'bnas-zoo<0.2,>=0.1.1; python_version > "3"' in asked
    assert "bnas-cells<0.2,>=0.1" in asked
    fragment = checkout.package("tools").root / "changelog.d" / "+bnas-zoo-0.1.1.changed.md"
    assert fragment.read_text() == "Needs bnas-zoo 0.1.1.\n"
    checkout.change("fixed")
    assert main(["zoo"], checkout.root) == 0
    assert [str(each) for each in checkout.package("tools").requirements] == asked


def test_the_whole_way(
    released: Callable[[str], Checkout],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Build in earnest, offline, with the hatchling at hand; twine alone is left out."""
    checkout = released("zoo")
    checkout.change("fixed")
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
    assert ".ci/run\n  git push --atomic origin HEAD zoo-v0.1.1\n" in said
    assert "python -m twine upload dist/bnas_zoo-0.1.1-py3-none-any.whl" in said.replace(
        "python3", "python"
    )
    epoch = int(checkout.git("log", "-1", "--format=%ct"))
    with zipfile.ZipFile(checkout.root / "dist" / built[0]) as wheel:
        assert "bnas/zoo/py.typed" in wheel.namelist()
        dates = {entry.date_time for entry in wheel.infolist()}
    assert dates == {(*time.gmtime(epoch - epoch % 2)[:6],)}
