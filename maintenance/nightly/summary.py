"""The page and the JSON document of a nightly run, and its table on a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from maintenance.nightly.result import NOT_RUN, PASSED, Folder, Result

_STYLES = {PASSED: "green", NOT_RUN: "yellow"}


def write_summary(folder: Folder, results: Sequence[Result], machine: dict[str, Any]) -> Path:
    """Write ``README.md`` and ``nightly.json``.

    Args:
        folder: Where lanes keep theirs.
        results: One of each lane that was chosen, now or before.
        machine: Where it ran, as JSON knows it.

    Returns:
        The page.
    """
    lanes = [{**asdict(result), "figures": folder.all_figures(result.lane)} for result in results]
    document = {"machine": machine, "lanes": lanes}
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    (folder.path / "nightly.json").write_text(text, encoding="utf-8")
    page = folder.path / "README.md"
    page.write_text(_page(results, machine), encoding="utf-8")
    return page


def _page(results: Sequence[Result], machine: dict[str, Any]) -> str:
    where = f"{machine['cpu']}, {machine['cores']} cores, load average {machine['load_average']}"
    lines = ["# Nightly run", "", where, ""]
    lines += ["| lane | verdict | time | figures | of | log |", "|---|---|---|---|---|---|"]
    for result in results:
        verdict = result.verdict if result.verdict == PASSED else f"**{result.verdict}**"
        about = result.about.replace("|", "\\|").replace("\n", " ")
        log = "" if result.verdict == NOT_RUN else f"[log]({result.lane}.log)"
        cells = (result.lane, verdict, duration(result.seconds), about, result.state, log)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def duration(seconds: float) -> str:
    """Return such as ``1 h 02 min``, ``3 min 05 s`` or ``12 s``; nothing for 0."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole} s" if seconds else ""


def show_summary(results: Sequence[Result], console: Console) -> None:
    """Show the table of lanes.

    Args:
        results: One of each lane that was chosen.
        console: Where.
    """
    table = Table("lane", "verdict", "time", "figures", title="make nightly", title_justify="left")
    for result in results:
        style = _STYLES.get(result.verdict, "bold red")
        verdict = f"[{style}]{result.verdict}[/]"
        table.add_row(result.lane, verdict, duration(result.seconds), escape(result.about))
    console.print(table)


def last_lines(log: Path, count: int = 15) -> str:
    """Return the end of a log, for a lane that did not pass."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-count:])
