"""Numbers with their units, as people read them."""

from __future__ import annotations

#: What a cell shows where there is no value.
NONE = "-"


def megabytes(size_bytes: int | None) -> str:
    """Return a size in MB (1 MB = 1,000,000 bytes), with three digits or so; `NONE` for none."""
    if size_bytes is None:
        return NONE
    size_mb = size_bytes / 1e6
    digits = 3 if size_mb < 0.1 else 2 if size_mb < 100 else 1
    return f"{size_mb:,.{digits}f} MB"


def percent(value: float | None) -> str:
    """Return an accuracy that is already in percent; `NONE` for none."""
    return NONE if value is None else f"{value:.2f} %"


def confidence(value: float) -> str:
    """Return a confidence of 0 to 1 in percent."""
    return f"{100 * value:.1f} %"


def milliseconds(value_ms: float) -> str:
    """Return a duration in ms for a column that is headed so, without the unit."""
    return f"{value_ms:.1f}" if value_ms < 100 else f"{value_ms:,.0f}"


def count(value: float) -> str:
    """Return a count with thousands separated, rounded to a whole number."""
    return f"{value:,.0f}"


def times(ratio: float) -> str:
    """Return a ratio, such as 27.1x."""
    return f"{ratio:.1f}x"
