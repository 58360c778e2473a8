"""`SearchOptions`: what may change between two starts of one search."""

from __future__ import annotations

from attrs import field, frozen

from bnas.search.option_fields import device_name, seconds, size
from bnas.search.recipe_fields import flag


@frozen(kw_only=True)
class SearchOptions:
    """Everything but recipe, images and directory.

    Attributes:
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None for a GPU if there is one.
        time_limit_s: Stop with a checkpoint after the first step that ends later than this, counted
            from the first step of this start; 0 for after that step, None for no limit.
        threads: Of torch while it searches; None leaves them as they are. Small supernets gain
            nothing from more than 1, and lose much where other work runs beside.
        part_bytes: Cut checkpoints into files of at most so many bytes; None for one file.
        deterministic: Let torch refuse what does not give the same bits twice. On CPUs nothing here
            does; on GPUs it costs time.
        cuda_graphs: Replay each pass as a CUDA graph; for `engine` = "compiled", on one GPU. Not
            measured yet, and not tried on a GPU but by the tests marked so.
        event_log: Write TensorBoard events beside the checkpoints.
        report: Draw pictures and write the page after every epoch; needs matplotlib.
        notice: A sentence that the page begins with, such as that it is a demonstration.

    Raises:
        RecipeError: An option has the wrong type or is outside its range.
    """

    device: str | None = field(default=None, validator=device_name)
    time_limit_s: float | None = field(default=None, validator=seconds)
    threads: int | None = field(default=None, validator=size)
    part_bytes: int | None = field(default=None, validator=size)
    deterministic: bool = field(default=False, validator=flag)
    cuda_graphs: bool = field(default=False, validator=flag)
    event_log: bool = field(default=False, validator=flag)
    report: bool = field(default=False, validator=flag)
    notice: str = ""
