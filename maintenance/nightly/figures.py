"""What a lane says of itself: a JSON file that it writes where the environment tells it to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

#: Names the file.
VARIABLE = "BNAS_NIGHTLY_FIGURES"


def write_figures(headline: str, **figures: Any) -> None:
    """Write the figures of this lane; without the variable, a lane run by hand, do nothing.

    Args:
        headline: One line for the table of all lanes.
        figures: Whatever JSON can hold.
    """
    if VARIABLE in os.environ:
        document = {"headline": headline, **figures}
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        Path(os.environ[VARIABLE]).write_text(text, encoding="utf-8")


def read_figures(path: Path) -> dict[str, Any]:
    """Return what a lane wrote; nothing if it ended before that."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {"headline": ""}
    assert isinstance(found, dict)
    return found
