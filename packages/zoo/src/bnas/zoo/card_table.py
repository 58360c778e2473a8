"""The README's table of the models, made from their cards: ``python -m bnas.zoo.card_table``."""

from __future__ import annotations

import sys
from pathlib import Path

import attrs

from bnas.cells import Spec, spec
from bnas.zoo.atomic_file import write_atomically
from bnas.zoo.cards import Card
from bnas.zoo.counts import Counts
from bnas.zoo.errors import WeightsIndexError
from bnas.zoo.index import (
    INDEX_PATH,
    Entry,
    Index,
    checkout_of,
    read_index,
    weights_path,
    write_index,
)
from bnas.zoo.loading import load_file

#: What the table stands between.
BEGIN = "<!-- the table of the models: made by `make cards` -->"
END = "<!-- end of the table -->"
_NONE = "–"
_COLUMNS = (
    "model", "weights", "top-1 / top-5 %", "published %", "data", "recipe, epochs, seed",
    "binary / real MACs", "memory MB", "file MB", "ms",
)  # fmt: skip


def table(index: Index) -> str:
    """Return the table of all entries of an index, as Markdown."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *(_row(entry.card) for entry in index.entries)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    machines = {e.card.latency.machine for e in index.entries if e.card.latency is not None}
    if machines:
        lines += ["", f"ms: median of one image on one thread of {', '.join(sorted(machines))}."]
    return "\n".join(lines)


def with_table(readme: str, index: Index) -> str:
    """Return the text of a README with the table of an index in the place of its own.

    Raises:
        WeightsIndexError: The README does not have both marks, one after the other.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise WeightsIndexError(f"the README must have the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{table(index)}\n{END}{after}"


def with_counts(index: Index, index_path: Path = INDEX_PATH) -> Index:
    """Return an index whose cards state what their networks are counted to have and do.

    Trained weights are counted as what their file holds, which may be a variant of the model;
    cards of files that are not at hand stay as they are.
    """
    for entry in index.entries:
        network = _spec_of(entry, index_path)
        if network is not None:
            index = index.with_card(attrs.evolve(entry.card, counts=Counts.of(network)))
    return index


def _spec_of(entry: Entry, index_path: Path) -> Spec | None:
    card = entry.card
    if not card.trained:
        return spec(card.architecture, num_classes=card.num_classes)
    if checkout_of(index_path) is None:
        return None
    path = weights_path(str(entry.file), entry.home, index_path)
    return load_file(path, expected=card.sha256).spec if path.is_file() else None


def renew(readme: Path, index_path: Path = INDEX_PATH) -> None:
    """Count all models of an index anew, and write the table of their cards into a README."""
    index = write_index(with_counts(read_index(index_path), index_path), index_path)
    text = with_table(readme.read_text(encoding="utf-8"), index)
    write_atomically(readme, text.encode())


def _row(card: Card) -> tuple[str, ...]:
    counts, latency = card.counts, card.latency
    training = (card.recipe, card.epochs, card.seed)
    return (
        card.name,
        f"`{card.tag}` v{card.version}" if card.trained else "not trained",
        _pair(card.top1, card.top5),
        _pair(card.published_top1, card.published_top5),
        card.dataset or _NONE,
        ", ".join(map(str, training)) if card.trained else _NONE,
        _NONE
        if counts is None
        else f"{_millions(counts.binary_macs)} / {_millions(counts.real_macs)}",
        _NONE if counts is None else _memory(counts),
        _megabytes(card.size_bytes),
        _NONE if latency is None else f"{latency.median_ms:g}",
    )


def _pair(top1: float | None, top5: float | None) -> str:
    if top1 is None:
        return _NONE
    return f"{top1:.2f}" if top5 is None else f"{top1:.2f} / {top5:.2f}"


def _memory(counts: Counts) -> str:
    return f"{counts.paper_memory_bytes / 1e6:.2f} / {counts.deployed_memory_bytes / 1e6:.2f}"


def _millions(number: int) -> str:
    return f"{number / 1e6:,.0f} M"


def _megabytes(size_bytes: int | None) -> str:
    return _NONE if size_bytes is None else f"{size_bytes / 1e6:.2f}"


def main() -> None:
    """Renew the table of this checkout."""
    root = checkout_of(Path(__file__))
    if root is None:
        sys.exit("the table is made in a checkout of the sources")
    renew(root / "packages" / "zoo" / "README.md")


if __name__ == "__main__":
    main()
