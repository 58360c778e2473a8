"""A package is released only when pip can find releases of its siblings that go with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from maintenance.public_api.__main__ import main as write_snapshots
from maintenance.release.__main__ import main

if TYPE_CHECKING:
    from conftest import Checkout

ANSWER = "def answer(question, *, loud=False): ...\n"


def test_siblings_come_first(checkout: Checkout, refused: Callable[..., str]) -> None:
    said = refused(checkout, "zoo")
    assert "needs siblings that have no release (binops, cells); release these first" in said


def test_a_sibling_of_an_extra_comes_first(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("search")
    extra = (
        '[project.optional-dependencies]\nbits = ["bnas-binops>=0.1,<0.2"]\n\n[tool.hatch.build]'
    )
    checkout.edit("search", "pyproject.toml", "[tool.hatch.build]", extra)
    checkout.write("packages/search/changelog.d/+bits.added.md", "Extra `bits`.\n")
    checkout.commit()
    assert "no release (binops)" in refused(checkout, "search")


def test_names_that_no_release_of_a_sibling_has(
    released: Callable[[str], Checkout], refused: Callable[..., str], no_build: None
) -> None:
    """Release zoo only against what may be installed with it: ask for more, or release more."""
    checkout = released("zoo")
    checkout.write("packages/cells/src/bnas/cells/inner.py", "def fold(x): ...\n")
    checkout.write("packages/cells/changelog.d/+fold.added.md", "`fold`.\n")
    checkout.change("fixed", "from bnas.cells.inner import fold\n" + ANSWER)
    assert write_snapshots(["--write", "cells"], checkout.root) == 0
    checkout.commit()
    said = refused(checkout, "zoo")
    assert "imports bnas.cells.inner.fold, which bnas-cells 0.1.0 does not have; release" in said
    assert main(["cells"], checkout.root) == 0
    shutil.rmtree(checkout.root / "dist")
    assert "raise bnas-cells<0.2,>=0.1 to >=0.1.1" in refused(checkout, "zoo")
    checkout.edit("zoo", "pyproject.toml", "bnas-cells>=0.1,", "bnas-cells>=0.1.1,")
    checkout.commit()
    assert main(["zoo", "--dry-run"], checkout.root) == 0
    checkout.edit("zoo", "pyproject.toml", "bnas-cells>=0.1.1,<0.2", "bnas-cells>=0.2,<0.3")
    checkout.commit()
    assert "no release of bnas-cells is that (got 0.1.1)" in refused(checkout, "zoo")


def test_a_name_with_a_dot_is_imported_too(
    released: Callable[[str], Checkout], refused: Callable[..., str]
) -> None:
    checkout = released("zoo")
    checkout.change("fixed", f"from bnas import cells\n{ANSWER}_N = cells.news()\n")
    said = refused(checkout, "zoo")
    assert "imports bnas.cells.news, which bnas-cells 0.1.0 does not have; release cells" in said


def test_a_sibling_that_asks_for_the_series_before_comes_first(
    released: Callable[[str], Checkout],
    refused: Callable[..., str],
    no_build: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After cells 0.2, zoo before tools: zoo 0.1.0 takes no cells 0.2, and tools no other."""
    checkout = released("tools")
    checkout.write(".gitignore", "dist/\n")
    checkout.write("packages/cells/changelog.d/+gone.removed.md", "`gone`.\n")
    checkout.commit()
    assert main(["cells"], checkout.root) == 0
    assert (
        "ranges moved in search, zoo, tools: release those too, in that order"
        in capsys.readouterr().out
    )
    assert refused(checkout, "tools") == (
        "no release: bnas-zoo 0.1.0 asks for bnas-cells<0.2,>=0.1, and bnas-tools for "
        "bnas-cells<0.3,>=0.2; release zoo first\n"
    )
    assert main(["zoo"], checkout.root) == 0
    assert main(["tools", "--dry-run"], checkout.root) == 0


def test_lowest_versions_that_do_not_go_together(
    released: Callable[[str], Checkout], refused: Callable[..., str], no_build: None
) -> None:
    """Say which bound to raise, where there are releases that do."""
    checkout = released("tools")
    checkout.write(".gitignore", "dist/\n")
    checkout.write("packages/cells/changelog.d/+slip.fixed.md", "A slip.\n")
    checkout.commit()
    assert main(["cells"], checkout.root) == 0
    checkout.edit("zoo", "pyproject.toml", "bnas-cells>=0.1,", "bnas-cells>=0.1.1,")
    checkout.change("fixed")
    assert main(["zoo"], checkout.root) == 0
    checkout.edit("tools", "pyproject.toml", "bnas-zoo>=0.1,", "bnas-zoo>=0.1.1,")
    checkout.write("tools/changelog.d/+slip.fixed.md", "A slip.\n")
    checkout.commit()
    assert "; raise bnas-cells<0.2,>=0.1 to >=0.1.1" in refused(checkout, "tools")
