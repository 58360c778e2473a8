"""The JSON document that ``--json`` asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click


def print_document(content: Mapping[str, Any]) -> None:
    """Write one JSON document to stdout; a command with ``--json`` writes nothing else there.

    Args:
        content: What `json` knows; no NaN and no infinity, which JSON has no words for.
    """
    click.echo(json.dumps(content, indent=2, allow_nan=False))
