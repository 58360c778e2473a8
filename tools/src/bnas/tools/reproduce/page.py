"""The page of a reproduction, in Markdown, and its tables as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.section import Picture, Section, Table
from bnas.tools.reproduce.targets import full_command

#: What a cell without a value shows.
NONE = "–"
#: Verdict of a section -> how it is shown.
VERDICTS = {
    "reproduced": "reproduced",
    "in part": "reproduced in part",
    "not reproduced": "not reproduced",
}


def write_page(
    context: Context, name: str, sections: Sequence[Section], facts: Iterable[tuple[str, str]]
) -> str:
    """Write the page and the CSV files of its tables, each whole or not at all.

    Args:
        context: Of the reproduction.
        name: Of the page, such as ``"README.md"``.
        sections: In their order.
        facts: What was run, on what, how to run it in full: names and values, Markdown.

    Returns:
        The name of the page.

    Raises:
        SaveError: A file cannot be written; what was there before is intact.
    """
    from bnas.zoo.atomic_file import write_atomically

    for section in sections:
        for table in section.tables:
            write_atomically(context.path(f"{table.name}.csv"), csv_of(table).encode())
    write_atomically(context.path(name), page_of(sections, facts).encode())
    return name


def page_of(sections: Sequence[Section], facts: Iterable[tuple[str, str]]) -> str:
    """Return the page; arguments are those of `write_page`."""
    lines = [
        "# The supplement's tables and figures, reproduced",
        "",
        "Made by `bnas-tools reproduce`. Every number comes from the run that is described here, "
        "but for those that are called *published* and those in what the supplement says.",
        "",
        *(f"* **{name}**: {value}" for name, value in facts),
        "",
    ]
    if len(sections) > 1:
        rows = [(f"[{each.title}](#{_anchor(each)})", VERDICTS[each.verdict]) for each in sections]
        lines += [*_table_lines(("what", "verdict"), rows), ""]
    for section in sections:
        lines += _section_lines(section)
    return "\n".join(lines).rstrip() + "\n"


def csv_of(table: Table) -> str:
    """Return a table as CSV, numbers in full; empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if value is None else value for value in row] for row in table.rows)
    return text.getvalue()


def shown(value: Any) -> str:
    """Return a value as the page shows it: four significant digits, large numbers grouped."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return _float(value)
    return str(value)


def _float(value: float) -> str:
    size = abs(value)
    if size and not 1e-3 <= size < 1e7:
        return f"{value:.3e}"
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _section_lines(section: Section) -> list[str]:
    lines = [
        f'<a id="{_anchor(section)}"></a>',
        f"## {section.title}",
        "",
        f"*The supplement*: {section.claim}",
        "",
        f"**{VERDICTS[section.verdict].capitalize()}.** {section.finding}",
        "",
        f"In full: `{full_command(section.target)}`",
        "",
    ]
    for part in section.parts:
        lines += _part_lines(part)
        lines.append("")
    return lines


def _part_lines(part: str | Table | Picture) -> list[str]:
    match part:
        case Table(on_page=False):
            return [f"{part.caption} All numbers: [{part.name}.csv]({part.name}.csv).".lstrip()]
        case Table():
            columns = part.shown or part.columns
            places = [part.columns.index(column) for column in columns]
            rows = [[shown(row[place]) for place in places] for row in part.rows]
            source = f"([{part.name}.csv]({part.name}.csv))"
            return [f"{part.caption} {source}".lstrip(), "", *_table_lines(columns, rows)]
        case Picture():
            return [f"![{part.caption}]({part.file})", "", f"*{part.caption}*"]
    return [part]


def _table_lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(map(_cell, cells))} |" for cells in lines]


def _cell(text: str) -> str:
    """Return a text that stays within its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _anchor(section: Section) -> str:
    return section.target
