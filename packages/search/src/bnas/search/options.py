"""`RunOptions`: what may change between two starts of one run, and where its weights begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from bnas.search.errors import RecipeError


def _positive(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not value > 0:
        raise RecipeError(f"`{attribute.name}` must be > 0 or None (got {value!r})")


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


@frozen(kw_only=True)
class RunOptions:
    """Everything but network, recipe, data and directory.

    Attributes:
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None for a GPU if there is one.
        time_limit_s: Stop with a checkpoint after the first step that ends later than this.
        initial: Final checkpoint of a run of the same network, whose weights this one begins with:
            the second of two stages.
        teacher: Final checkpoint whose logits the network learns from; see `distillation_weight`.
        compact: Keep the optimizer's moments in bfloat16: smaller checkpoints, from which a run
            goes on nearly but not exactly as it would have.
        part_bytes: Cut checkpoints into files of at most so many bytes; None for one file.
        event_log: Write TensorBoard events beside the checkpoints.
        curves: Draw ``curves.png`` whenever the run stops.

    Raises:
        RecipeError: `part_bytes` is not positive.
    """

    device: str | None = None
    time_limit_s: float | None = None
    initial: Path | None = field(default=None, converter=_path)
    teacher: Path | None = field(default=None, converter=_path)
    compact: bool = False
    part_bytes: int | None = field(default=None, validator=_positive)
    event_log: bool = False
    curves: bool = False
