"""`draw_confusion`: which classes a network takes for which, as a picture."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from bnas.tools.units import count, percent

if TYPE_CHECKING:
    from bnas.zoo.tally import Tally

_INK, _FAINT = "#2b2f36", "#737985"
#: Colours of a share of 0 and of all photos of a class, as RGB: right answers, wrong ones.
_RIGHT = ((1.0, 1.0, 1.0), (0.09, 0.34, 0.62))
_WRONG = ((1.0, 1.0, 1.0), (0.76, 0.23, 0.05))
#: Inches: side of the matrix, head, foot, gap, of the list what stands beside the names.
_SIDE, _HEAD, _FOOT, _GAP, _NUMBERS = 7.0, 0.75, 0.45, 0.3, 1.3
#: Inches: width of a letter of one point, somewhat more than most are.
_LETTER = 0.62 / 72
#: Points: the largest and the smallest type of a class's name, and the smallest distance of two.
_LARGE, _SMALL, _LEADING = 9.0, 5.5, 1.15
#: Up to so many classes, each cell tells its number.
_MOST_NUMBERED = 20
#: Of names in the margins, and in the list; longer ones are cut.
_MARGIN_LETTERS, _LIST_LETTERS = 22, 20
_LISTED = 24
_DPI, _MOST_DPI = 150, 600
#: Without these, matplotlib writes its version and the time of day.
_METADATA: dict[str, dict[str, str | None]] = {
    ".png": {"Software": None},
    ".svg": {"Creator": "bnas-tools", "Date": None},
    ".pdf": {"Creator": "bnas-tools", "Producer": None, "CreationDate": None},
}


def check_picture_name(option: str, path: str) -> None:
    """Refuse a picture of an unknown format, before anything is measured.

    Raises:
        click.ClickException: The suffix is another one.
    """
    if Path(path).suffix.lower() not in _METADATA:
        shown = click.format_filename(path)
        raise click.ClickException(f"`{option}` must end in .png, .svg or .pdf (got {shown!r})")


def draw_confusion(
    tally: Tally, name_of: Callable[[int], str], path: str, *, title: str, subtitle: str
) -> None:
    """Draw a row for each class, a column for each answer, and list what is confused most.

    The darker a cell, the larger its share of the photos of its row, on a scale of square roots;
    among many classes it begins darker. Classes that are neither shown nor answered have no row.

    Args:
        tally: The counts; of one photo at least.
        name_of: Names a class by its index.
        path: PNG, SVG or PDF by its suffix; written whole or not at all.
        title: Large line above.
        subtitle: Small line below that.

    Raises:
        SaveError: The picture cannot be written; what was there before is intact.
    """
    import matplotlib
    from matplotlib.figure import Figure

    from bnas.zoo.atomic_file import write_atomically

    classes = sorted({index for pair in tally.pairs for index in pair})
    names = [_cut(name_of(index), _MARGIN_LETTERS) for index in classes]
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a script that the font lacks
        matplotlib.rcdefaults()  # not the reader's own settings
        matplotlib.rc("svg", fonttype="none", hashsalt="bnas-tools")
        size, step = _type_and_step(len(classes))
        margin = 0.3 + max(map(len, names)) * size * _LETTER
        pairs = _pairs(tally, name_of)
        beside = _NUMBERS + max([_LIST_LETTERS, *(len(pair) for pair, _ in pairs)]) * 8 * _LETTER
        width, height = margin + _SIDE + _GAP + beside, _HEAD + _SIDE + margin + _FOOT
        figure = Figure(figsize=(width, height))
        figure.text(
            0.2 / width,
            1 - 0.32 / height,
            title,
            size=12,
            weight="bold",
            color=_INK,
            parse_math=False,
        )
        figure.text(
            0.2 / width, 1 - 0.55 / height, subtitle, size=8.5, color=_FAINT, parse_math=False
        )
        footer = "Rows: what photos show; columns: the answer. Blue: right, orange: wrong; the "
        footer += "darker, the larger the share of the row's photos."
        figure.text(0.2 / width, 0.18 / height, footer, size=7.5, color=_FAINT)
        bottom = (_FOOT + margin) / height
        place = (margin / width, bottom, _SIDE / width, _SIDE / height)
        _draw_matrix(figure.add_axes(place), _counts(tally, classes), names, (size, step))
        left = (margin + _SIDE + _GAP) / width
        _draw_list(figure, pairs, (left, 1 - 0.1 / width, 1 - _HEAD / height))
        suffix = Path(path).suffix.lower()
        content = io.BytesIO()
        # A cell is two pixels wide at least.
        dpi = min(max(_DPI, math.ceil(2 * len(classes) / _SIDE)), _MOST_DPI)
        figure.savefig(content, format=suffix[1:], dpi=dpi, metadata=_METADATA[suffix])
    write_atomically(path, content.getvalue())


def _counts(tally: Tally, classes: Sequence[int]) -> np.ndarray:
    """Return the numbers of photos, int64 (rows, columns)."""
    place = {index: number for number, index in enumerate(classes)}
    counts = np.zeros((len(classes),) * 2, np.int64)
    for (label, answer), number in tally.pairs.items():
        counts[place[label], place[answer]] = number
    return counts


def _type_and_step(classes: int) -> tuple[float, int]:
    """Return the size of the names in points, and of how many rows one can be named."""
    row = 72 * _SIDE / classes
    size = min(max(row / _LEADING, _SMALL), _LARGE)
    return size, max(math.ceil(size * _LEADING / row - 1e-9), 1)


def _colours(counts: np.ndarray) -> np.ndarray:
    """Return the colour of each cell, float (rows, columns, 3)."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Among many classes a single photo is a speck, which must not be pale too.
    least = min(len(counts) / 500, 0.4)
    depth = np.where(counts > 0, least + (1 - least) * np.sqrt(shares), 0.0)[..., None]
    right, wrong = (
        np.array(low) + depth * np.subtract(high, low) for low, high in (_RIGHT, _WRONG)
    )
    colours: np.ndarray = np.where(np.eye(len(counts), dtype=bool)[..., None], right, wrong)
    return colours


def _draw_matrix(
    axes: Any, counts: np.ndarray, names: Sequence[str], named: tuple[float, int]
) -> None:
    size, step = named
    axes.imshow(_colours(counts), interpolation="nearest", aspect="equal")
    places = range(0, len(names), step)
    axes.set_xticks(places, names[::step], rotation=90, size=size)
    axes.set_yticks(places, names[::step], size=size)
    axes.tick_params(length=2 if step > 1 else 0, width=0.5, pad=2, colors=_INK)
    for spine in axes.spines.values():
        spine.set_color(_FAINT)
        spine.set_linewidth(0.5)
    if len(names) > _MOST_NUMBERED:
        return
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for (row, column), number in np.ndenumerate(counts):
        if number:
            ink = "white" if shares[row, column] > 0.25 else _INK
            digits = {"size": 8.5, "ha": "center", "va": "center", "color": ink}
            axes.text(column, row, count(number), **digits)


def _pairs(tally: Tally, name_of: Callable[[int], str]) -> list[tuple[str, str]]:
    """Return what is confused most, and how often."""
    return [
        (
            " as ".join(_cut(name_of(index), _LIST_LETTERS) for index in (each.label, each.answer)),
            f"{count(each.images)}, {percent(each.share)}",
        )
        for each in tally.confused(_LISTED)
    ]


def _draw_list(
    figure: Any, pairs: Sequence[tuple[str, str]], frame: tuple[float, float, float]
) -> None:
    """List texts below each other; `frame` is left, right and top, as fractions of the figure."""
    left, right, top = frame
    line = 0.27 / figure.get_figheight()
    heading = "Most confused" if pairs else "Nothing confused"
    figure.text(left, top - line / 2, heading, size=9.5, weight="bold", color=_INK)
    for number, (pair, told) in enumerate(pairs, 1):
        height = top - line * (number + 0.6)
        figure.text(left, height, pair, size=8, color=_INK)
        figure.text(right, height, told, size=8, color=_FAINT, ha="right")


def _cut(name: str, letters: int) -> str:
    # A dollar would begin a formula.
    shown = name if len(name) <= letters else name[: letters - 1] + "…"
    return shown.replace("$", r"\$")
