"""The files of the suite: one JSON document and chart a part, and a section of RESULTS.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.tables import TABLES
from bnas.cells.atomic_file import draft_of
from bnas.tools.bench import Findings
from bnas.tools.bench.chart import draw_chart
from bnas.tools.bench.machine import provenance

BEGIN = "<!-- benchmarks: made by `make bench`, not by hand -->"
END = "<!-- benchmarks: end -->"


class ReportError(ValueError):
    """A report without the markers of its section."""


def write_part(folder: Path, part: str, content: Findings | dict[str, Any], command: str) -> None:
    """Write what a part measured, and a chart if there is something to draw.

    Args:
        folder: Where ``PART.json`` and ``PART.png`` go.
        part: Name of the part.
        content: What it measured.
        command: What repeats it.
    """
    measured = content if isinstance(content, dict) else content.to_dict()
    document = {**provenance(command), **measured}
    _write(folder / f"{part}.json", json.dumps(document, indent=2, allow_nan=False) + "\n")
    if isinstance(content, Findings) and content.records:
        path = folder / f"{part}.png"
        draw_chart(content.records, path, title=part.capitalize(), machine=document["machine"])


def write_section(report: Path, folder: Path) -> None:
    """Make the section between the markers of a report anew, of all parts that are there.

    Args:
        report: A Markdown file with the two markers.
        folder: Where the parts are.

    Raises:
        ReportError: The markers are not there, or not in order.
    """
    before, begin, rest = report.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ReportError(f"{report.name} must hold the lines {BEGIN!r} and {END!r} (it does not)")
    documents = read_parts(folder)
    sections = [section(part, documents) for part in TABLES if part in documents]
    _write(report, "\n".join([before + begin, "", *sections, end + after]))


def read_parts(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the documents of a folder by part."""
    paths = sorted(folder.glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def section(part: str, documents: dict[str, dict[str, Any]]) -> str:
    """Return a heading, where and how it was measured, and the tables of one part."""
    table, document = TABLES[part], documents[part]
    machine, versions = document["machine"], document["versions"]
    gpu = f"{document['gpu']} · " if "gpu" in document else ""
    about = (
        f"{document['date']} · {gpu}{machine['cpu']} ({machine['microarchitecture']}), "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, load average at the end "
        f"{machine['load_average']} · "
        f"{', '.join(f'{name} {number}' for name, number in versions.items())}"
    )
    lines = [f"### {table.title}", "", about, "", f"    {document['command']}", ""]
    lines += [table.explanation, "", *table.rows(document, documents), ""]
    lines += [
        f"* left out: {each['runtime']}: {each['reason']}" for each in document.get("skipped", ())
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _write(path: Path, text: str) -> None:
    with draft_of(path) as file:
        file.write(text.encode("utf-8"))
