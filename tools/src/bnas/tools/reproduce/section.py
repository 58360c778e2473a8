"""`Section`: what a reproduction found of one table or figure, before it is laid out."""

from __future__ import annotations

import math
from typing import Any, Literal

from attrs import field, frozen

Verdict = Literal["reproduced", "in part", "not reproduced"]


@frozen
class Table:
    """A table, which becomes a CSV file and a part of the page.

    Attributes:
        name: Of the CSV file, without its suffix.
        columns: Headings; units in them.
        rows: One value a column; None where there is none.
        caption: What the table shows, one sentence.
        shown: Columns of the page, where that is not all of them; the CSV file has all.
        on_page: Whether the page shows it, and does not only name its file.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    caption: str = ""
    shown: tuple[str, ...] = ()
    on_page: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return name and rows by column, ready for JSON, which knows no infinity and no NaN."""
        rows = [dict(zip(self.columns, map(_plain, row), strict=True)) for row in self.rows]
        return {"name": self.name, "caption": self.caption, "rows": rows}


@frozen
class Picture:
    """A picture that lies in the output directory.

    Attributes:
        file: Its name there.
        caption: What it shows, for those too who do not see it.
    """

    file: str
    caption: str


@frozen(kw_only=True)
class Section:
    """What was found of one target.

    Attributes:
        target: Such as ``"table3"``.
        title: Heading.
        claim: What the supplement says, in our words, with its place.
        verdict: Whether the run bears the claim out.
        finding: What the run shows, in one paragraph, every number of it from the run.
        parts: Paragraphs, tables and pictures in their order.
    """

    target: str
    title: str
    claim: str
    verdict: Verdict
    finding: str
    parts: tuple[str | Table | Picture, ...] = field(default=())

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables among the parts."""
        return tuple(part for part in self.parts if isinstance(part, Table))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: all of it, pictures by their file."""
        return {
            "target": self.target,
            "title": self.title,
            "claim": self.claim,
            "verdict": self.verdict,
            "finding": self.finding,
            "tables": [table.to_dict() for table in self.tables],
            "pictures": [part.file for part in self.parts if isinstance(part, Picture)],
        }


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; numbers that are not finite as None, as is no number."""
    value = value.item() if hasattr(value, "item") else value  # NumPy's
    return None if isinstance(value, float) and not math.isfinite(value) else value
