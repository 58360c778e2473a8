"""The README's table is the cards', and the cards' counts are the networks'."""

from __future__ import annotations

import shutil
from pathlib import Path

import attrs
import pytest

from bnas import zoo
from bnas.zoo.card_table import BEGIN, END, renew, table, with_counts, with_table
from bnas.zoo.errors import WeightsIndexError
from bnas.zoo.index import INDEX_PATH, bundled_index, read_index
from bnas.zoo.latency import Latency

README = Path(__file__).parents[2] / "packages" / "zoo" / "README.md"


def test_the_readme_is_not_stale() -> None:
    """If it is: `make cards`."""
    text = README.read_text(encoding="utf-8")
    assert with_table(text, bundled_index()) == text


def test_the_counts_of_the_cards_are_not_stale() -> None:
    """If they are: `make cards`."""
    assert with_counts(bundled_index()) == bundled_index()


def test_renewing_repairs_both(tmp_path: Path) -> None:
    index_path = tmp_path / "index.json"
    index = bundled_index()
    card = attrs.evolve(index.find("BNAS-B").card, counts=None, published_top1=95.0)
    index_path.write_text(index.with_card(card).to_json())
    (tmp_path / "README.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    renew(tmp_path / "README.md", index_path)
    renewed = read_index(index_path)
    assert renewed.find("BNAS-B").card.counts == zoo.card("BNAS-B").counts
    assert renewed.find("BNAS-A") == index.find("BNAS-A")
    text = (tmp_path / "README.md").read_text()
    assert text == f"before\n{BEGIN}\n{table(renewed)}\n{END}\nafter\n"
    assert "95.00" in text


def test_a_row_says_what_its_card_says() -> None:
    index = bundled_index()
    latency = Latency(median_ms=1.25, min_ms=1.1, machine="a quiet machine")
    index = index.with_card(attrs.evolve(index.find("BNAS-A").card, latency=latency))
    lines = table(index).splitlines()
    (row,) = (line for line in lines if line.startswith("| BNAS-A | `plus-cpu`"))
    for word in ("`plus-cpu` v1", "74.00 / 98.24", "92.70", "plus-cpu, 14, 0", "2.44", "1.25"):
        assert f" {word} |" in row
    assert "a quiet machine" in lines[-1]
    untrained = [line for line in lines if "not trained" in line]
    assert len(untrained) == len(zoo.list_models(trained=False))


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END}\n{BEGIN}"])
def test_a_readme_without_the_marks(text: str, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    index_path = Path(shutil.copy(INDEX_PATH, tmp_path))
    with pytest.raises(WeightsIndexError, match="must have the lines"):
        renew(readme, index_path)
    assert readme.read_text() == text
