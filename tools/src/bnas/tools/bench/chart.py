"""`draw_chart`: measurements as bars, the packed network's in front."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnas.cells.atomic_file import draft_of
from bnas.tools.bench.errors import ArgumentError
from bnas.tools.bench.records import Record

_OURS, _FLOAT, _INK, _FAINT = "#2f6db3", "#b9c2ce", "#2b2f36", "#737985"
#: What a runtime's name ends in -> the colour of its bar, and what the footer says of it.
_KINDS = {
    "-int8": ("#e3c08f", "Amber: int8, another function."),
    "-binary": ("#8cc3ae", "Green: 1 bit too."),
}
_DPI = 150
#: Inches: of a bar and its gap, of a panel's heading and gap, of title and footer, of a column.
_BAR, _HEADING, _FRAME, _WIDTH = 0.26, 0.5, 0.85, 7.2
#: More panels than these stand in two columns.
_MOST_IN_A_COLUMN = 6
#: Without these, matplotlib writes its version and the time of day.
_METADATA = {
    ".png": {"Software": None},
    ".svg": {"Creator": "bnas-tools", "Date": None},
    ".pdf": {"Creator": "bnas-tools", "Producer": None, "CreationDate": None},
}


def check_chart_name(path: str | os.PathLike[str]) -> None:
    """Refuse a chart of an unknown format, before anything is measured.

    Raises:
        ArgumentError: The suffix is another one.
    """
    if Path(path).suffix.lower() not in _METADATA:
        raise ArgumentError(f"`chart` must end in .png, .svg or .pdf (got {os.fspath(path)!r})")


def draw_chart(
    records: Sequence[Record],
    path: str | os.PathLike[str],
    *,
    title: str,
    machine: Mapping[str, Any],
    reference: str = "packed",
) -> None:
    """Draw one panel for each model, batch and number of threads, one bar for each runtime.

    A bar is the least disturbed call in ms; beside it stand ms and the ratio to `reference`. Times
    are of their own panel's scale, which begins at 0.

    Args:
        records: At least one.
        path: PNG, SVG or PDF by its suffix; written whole or not at all.
        title: Large line above.
        machine: What `bnas.tools.bench.machine.machine` says, for the line below.
        reference: The runtime that ratios refer to.

    Raises:
        ArgumentError: No record, or another suffix.
        OSError: The picture cannot be written.
    """
    check_chart_name(path)
    if not records:
        raise ArgumentError("a chart needs at least one record (got none)")
    import matplotlib
    from matplotlib.figure import Figure

    panels = _panels(records)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # not the reader's own settings
        matplotlib.rc("font", size=8.5)
        matplotlib.rc("svg", fonttype="none", hashsalt="bnas-tools")
        columns = _columns(panels)
        height = _FRAME + max(sum(map(_height, column.values())) for column in columns)
        figure = Figure(figsize=(_WIDTH * len(columns), height))
        edge = 0.15 / figure.get_figwidth()
        heading = f"{title}: ms a call"
        figure.text(edge, 1 - 0.3 / height, heading, size=12, weight="bold", color=_INK)
        figure.text(edge, 0.16 / height, _footer(machine, records), size=7, color=_FAINT)
        for number, column in enumerate(columns):
            _draw_column(figure, column, number / len(columns), 1 / len(columns), reference)
        suffix = Path(path).suffix.lower()
        with draft_of(Path(path)) as file:
            figure.savefig(file, format=suffix[1:], dpi=_DPI, metadata=_METADATA[suffix])


def _panels(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the records by what they have in common, in the order given."""
    panels: dict[str, list[Record]] = {}
    for record in records:
        threads = "1 thread" if record.threads == 1 else f"{record.threads} threads"
        heading = f"{record.model}, batch {record.batch}, {threads}"
        panels.setdefault(heading, []).append(record)
    return panels


def _columns(panels: dict[str, list[Record]]) -> list[dict[str, list[Record]]]:
    """Return the panels in one column, or in two of about one height."""
    if len(panels) <= _MOST_IN_A_COLUMN:
        return [panels]
    entries = list(panels.items())
    middle = -(-len(entries) // 2)
    return [dict(entries[:middle]), dict(entries[middle:])]


def _height(panel: Sequence[Record]) -> float:
    return _HEADING + _BAR * len(panel)


def _draw_column(
    figure: Any, panels: dict[str, list[Record]], left: float, width: float, reference: str
) -> None:
    """Draw panels below each other; `left` and `width` are fractions of the figure's width."""
    height = figure.get_figheight()
    top = height - 0.45
    for heading, panel in panels.items():
        top -= _height(panel)
        bars = _BAR * len(panel)
        place = (left + 0.21 * width, (top + 0.12) / height, 0.6 * width, bars / height)
        _draw_panel(figure.add_axes(place), heading, panel, reference)


def _draw_panel(axes: Any, heading: str, panel: Sequence[Record], reference: str) -> None:
    widths = [record.min_ms for record in panel]
    places = range(len(panel))
    axes.barh(places, widths, height=0.72, color=[_colour(r.runtime, reference) for r in panel])
    base = next((r.min_ms for r in panel if r.runtime == reference), None)
    for place, record in zip(places, panel, strict=True):
        text = f" {_ms(record.min_ms)} ms"
        if base is not None and record.runtime != reference:
            text += f"   {record.min_ms / base:.2f}x"
        weight = "bold" if record.runtime == reference else "normal"
        axes.text(record.min_ms, place, text, va="center", color=_INK, size=8, weight=weight)
    axes.set_title(heading, loc="left", size=9, color=_INK, pad=4)
    axes.set_yticks(places, [record.runtime for record in panel])
    axes.set_ylim(len(panel) - 0.5, -0.5)
    axes.set_xlim(0, max(widths))
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, colors=_INK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_FAINT)


def _colour(runtime: str, reference: str) -> str:
    if runtime == reference:
        return _OURS
    kinds = (colour for ending, (colour, _) in _KINDS.items() if runtime.endswith(ending))
    return next(kinds, _FLOAT)


def _ms(value_ms: float) -> str:
    return f"{value_ms:.3g}" if value_ms < 1000 else f"{value_ms:,.0f}"


def _footer(machine: Mapping[str, Any], records: Sequence[Record]) -> str:
    where = machine.get("gpu") or f"{machine['cpu']}, {machine['cores']} cores"
    text = f"{where}. Least of the calls, in turns; x: times the packed one."
    for ending, (_, meaning) in _KINDS.items():
        if any(record.runtime.endswith(ending) for record in records):
            text += f" {meaning}"
    return text
