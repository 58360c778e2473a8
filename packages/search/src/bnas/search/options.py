"""`RunOptions`: what may change between two starts of one run, and where its weights begin."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from bnas.search.errors import RecipeError
from bnas.search.recipe_fields import flag, is_number


def _seconds(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not (is_number(value) and value >= 0):
        raise RecipeError(
            f"`{attribute.name}` must be a finite number of seconds >= 0, or None (got {value!r})"
        )


def _size(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (is_integer and value > 0):
        raise RecipeError(f"`{attribute.name}` must be an integer > 0, or None (got {value!r})")


def _name(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not (isinstance(value, str) and value):
        raise RecipeError(
            f"`{attribute.name}` must be a name such as 'cpu' or 'cuda:1', or None (got {value!r})"
        )


def _path(value: Any) -> Any:
    # An empty string stays one: as a path it would be the current directory.
    return Path(value) if isinstance(value, str | PathLike) and value else value


def _file(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, Path):
        raise RecipeError(f"`{attribute.name}` must be the path of a file, or None (got {value!r})")


@frozen(kw_only=True)
class RunOptions:
    """Everything but network, recipe, data and directory.

    Attributes:
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None for a GPU if there is one.
        time_limit_s: Stop with a checkpoint after the first step that ends later than this, counted
            from the first step of this start; 0 for after that step, None for no limit.
        initial: Final checkpoint of a run of the same network, whose weights this one begins with:
            the second of two stages.
        teacher: Final checkpoint whose logits the network learns from; see `distillation_weight`.
        compact: Keep the optimizer's moments in bfloat16: smaller checkpoints, from which a run
            goes on nearly but not exactly as it would have.
        part_bytes: Cut checkpoints into files of at most so many bytes; None for one file.
        event_log: Write TensorBoard events beside the checkpoints.
        curves: Draw ``curves.png`` whenever the run stops.
        cuda_graphs: Replay each pass as a CUDA graph, which spares small networks the time that the
            launch of every single kernel takes; for `engine` = "compiled", on one GPU. Not measured
            yet, and not tried on a GPU but by the tests marked so.

    Raises:
        RecipeError: An option has the wrong type or is outside its range.
    """

    device: str | None = field(default=None, validator=_name)
    time_limit_s: float | None = field(default=None, validator=_seconds)
    initial: Path | None = field(default=None, converter=_path, validator=_file)
    teacher: Path | None = field(default=None, converter=_path, validator=_file)
    compact: bool = field(default=False, validator=flag)
    part_bytes: int | None = field(default=None, validator=_size)
    event_log: bool = field(default=False, validator=flag)
    curves: bool = field(default=False, validator=flag)
    cuda_graphs: bool = field(default=False, validator=flag)
