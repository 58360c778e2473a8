"""The table of ``bnas-tools bench``, and what its runtimes are called for readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnas.tools.tables import print_table
from bnas.tools.units import NONE

if TYPE_CHECKING:
    from bnas.tools.bench import Comparison, Findings, Record

_COLUMNS = (
    "runtime",
    "batch",
    "threads",
    "min_ms",
    "median_ms",
    "images_per_s",
    "x_packed",
    "warmup_s",
    "peak_mb",
    "off_by",
    "remark",
)


def print_findings(title: str, findings: Findings) -> None:
    """Print one row a record, and below it what the columns mean."""
    pairs = zip(findings.records, findings.comparisons, strict=True)
    rows = [_row(record, comparison) for record, comparison in pairs]
    print_table(title, _COLUMNS, rows, numbers=" ".join(_COLUMNS[1:-1]))


#: To be printed below the table.
LEGEND = (
    "x_packed: times the packed network's min_ms. off_by: largest difference from its logits; int8 "
    "runtimes are another function.\nwarmup_s: reading, compiling and the first answer, without "
    "imports. peak_mb: above imports and images."
)


def _row(record: Record, comparison: Comparison) -> tuple[str, ...]:
    ratio, difference = comparison.times_packed, comparison.max_abs_difference
    return (
        record.runtime,
        str(record.batch),
        str(record.threads),
        digits(record.min_ms),
        digits(record.median_ms),
        digits(record.images_per_s),
        NONE if ratio is None else f"{ratio:.2f}",
        digits(record.warmup_s),
        f"{record.peak_mb:.1f}",
        NONE if difference is None else f"{difference:.1g}",
        comparison.note,
    )


def digits(value: float) -> str:
    """Return a number with three significant digits or more, never as a power of ten."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 10 else 2 if value >= 1 else 3}f}"
