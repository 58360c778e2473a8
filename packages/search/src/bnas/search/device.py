"""The device of a run: which ones there are, and which one is taken."""

from __future__ import annotations

import torch

from bnas.search.errors import RecipeError
from bnas.search.parallel import own_gpu
from bnas.search.recipe import Recipe


def choose_device(name: str | None, recipe: Recipe) -> torch.device:
    """Return the device to train on.

    Args:
        name: As torch names it; None for a GPU if there is one and the engine can use it.
        recipe: Names the engine.

    Raises:
        RecipeError: No such device, one that the engine cannot use, or one GPU for several
            processes.
    """
    fused = recipe.engine == "fused"
    if name is None:
        name = "cuda" if torch.cuda.is_available() and not fused else "cpu"
    try:
        # Before anything is put on it: a process that as much as touches the GPU of another has
        # half a gigabyte of its memory.
        device = own_gpu(torch.device(name))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise RecipeError(_refusal(name, error)) from error
    if fused and device.type != "cpu":
        raise RecipeError(f"`engine` = 'fused' needs the device 'cpu' (got {name!r})")
    return device


def list_devices() -> tuple[str, ...]:
    """Return the names of the devices of this machine that torch sees, without touching one."""
    gpu = torch.accelerator.current_accelerator(check_available=True)
    if gpu is None:
        return ("cpu",)
    numbered = (f"{gpu.type}:{index}" for index in range(torch.accelerator.device_count()))
    return ("cpu", gpu.type, *numbered)


def _refusal(name: str, error: Exception) -> str:
    """Return what is allowed; torch's own words only where the device is there.

    Of a name that it does not know, torch lists two dozen kinds of device, few of which are there.
    """
    known = list_devices()
    if name in known:
        reason = str(error).partition("\n")[0]
        return f"`device` must be one that torch can use (got {name!r}: {reason})"
    allowed = ", ".join(map(repr, known))
    seen = f"; torch {torch.__version__} sees no GPU" if len(known) == 1 else ""
    return f"`device` must be one of {allowed} on this machine (got {name!r}{seen})"
