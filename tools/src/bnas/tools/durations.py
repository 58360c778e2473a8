"""`Duration`: a time span on the command line, such as 30m."""

from __future__ import annotations

import math
from typing import Any

import click

from bnas.tools.parameter_type import ParamType

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(ParamType[float]):
    """Converts ``90``, ``90s``, ``1.5h`` and ``30m`` to seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds, >= 0."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        unit = _SECONDS.get(text[-1:])
        digits = text if unit is None else text[:-1]
        try:
            seconds = float(digits) * (unit or 1.0)
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds >= 0):
            self.fail(f"must be a time >= 0 such as 90s, 30m or 1.5h (got {text!r})", param, ctx)
        return seconds
