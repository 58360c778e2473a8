"""The device and the scale of a reproduction: which ones are taken where none is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnas.tools.reproduce.errors import ScaleError
from bnas.tools.reproduce.scale import Scale, load_scale
from bnas.tools.reproduce.targets import trains

if TYPE_CHECKING:
    from bnas.search import Recipe

#: Without GPU, and on one.
_SMALL, _LARGE = "reduced", "paper"
_CPU = "cpu"


def choose_scale_and_device(
    target: str, scale: str | None, device: str | None
) -> tuple[Scale, str]:
    """Return the scale, and the device to train on; what trains nothing has the CPU.

    Args:
        target: A key of `TARGETS`, or `ALL`.
        scale: Name of the scale; None for the paper's on a GPU, else the reduced one.
        device: As torch names it; None for a GPU if there is one and the scale's engine can use it.

    Raises:
        ScaleError: There is no such scale.
        RecipeError: There is no such device, or the engine cannot use it.
    """
    if not trains(target):
        return load_scale(scale or _SMALL), _CPU
    from bnas.search.device import choose_device

    found = load_scale(scale or (_LARGE if _is_gpu(device) else _SMALL))
    return found, str(choose_device(device, _recipe(found)))


def check_data(target: str, scale: Scale, data_dir: str | None) -> None:
    """Refuse trainings of the paper's size on the bundled sample.

    Args:
        target: A key of `TARGETS`, or `ALL`.
        scale: Of the reproduction.
        data_dir: Of the images; None for the sample.

    Raises:
        ScaleError: That is what is asked for.
    """
    if data_dir is None and trains(target) and not scale.is_reduced:
        raise ScaleError(
            f"`scale` = {scale.name!r} trains on all of CIFAR-10: `data_dir` must name a directory "
            "of it (got none); the bundled sample serves the smaller scales"
        )


def _is_gpu(device: str | None) -> bool:
    import torch

    if device is None:
        return torch.cuda.is_available()
    return not device.startswith(_CPU)


def _recipe(scale: Scale) -> Recipe:
    from bnas import search

    return search.Recipe.from_dict({**search.load_recipe(scale.recipe).to_dict(), **scale.changes})
