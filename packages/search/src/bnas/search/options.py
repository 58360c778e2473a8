"""`RunOptions`: what may change between two starts of one run, and where its weights begin."""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from bnas.search.option_fields import as_path, device_name, file, seconds, size
from bnas.search.recipe_fields import flag


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
        gradient_log: Record the sum of |gradient| of every convolution, epoch by epoch, in
            ``gradients.csv`` (`bnas.search.GradientHistory`). It may be switched on and off between
            two starts; an epoch of which not every step was recorded is left out.
        cuda_graphs: Replay each pass as a CUDA graph, which spares small networks the time that the
            launch of every single kernel takes; for `engine` = "compiled", on one GPU. Not measured
            yet, and not tried on a GPU but by the tests marked so.

    Raises:
        RecipeError: An option has the wrong type or is outside its range.
    """

    device: str | None = field(default=None, validator=device_name)
    time_limit_s: float | None = field(default=None, validator=seconds)
    initial: Path | None = field(default=None, converter=as_path, validator=file)
    teacher: Path | None = field(default=None, converter=as_path, validator=file)
    compact: bool = field(default=False, validator=flag)
    part_bytes: int | None = field(default=None, validator=size)
    event_log: bool = field(default=False, validator=flag)
    curves: bool = field(default=False, validator=flag)
    gradient_log: bool = field(default=False, validator=flag)
    cuda_graphs: bool = field(default=False, validator=flag)
