"""The form in which a network runs in training: eager, compiled, or fused."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from bnas.cells.nn import Network
from bnas.search.errors import OutOfMemoryError, RecipeError
from bnas.search.parallel import Processes
from bnas.search.recipe import Recipe


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the order in which weights and images lie: channels last on GPUs.

    On CPUs the eager and the compiled network gain nothing by it (`benchmarks/RESULTS.md`), and the
    fused one arranges its activations itself.
    """
    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def check_cuda_graphs(wanted: bool, recipe: Recipe, processes: Processes) -> None:
    """Refuse CUDA graphs where there can be none.

    Args:
        wanted: `RunOptions.cuda_graphs`.
        recipe: Names the engine.
        processes: Those that train together, on their device.

    Raises:
        RecipeError: They are wanted for another engine, on a CPU, or by several processes, whose
            gradients are summed by hooks in the middle of a pass.
    """
    kind = processes.device.type
    fits = recipe.engine == "compiled" and kind == "cuda" and processes.size == 1
    if wanted and not fits:
        raise RecipeError(
            "`cuda_graphs` needs `engine` = 'compiled', a GPU, and one process "
            f"(got engine={recipe.engine!r}, device {kind!r}, {processes.size} processes)"
        )


def make_runner(
    network: Network, recipe: Recipe, processes: Processes, cuda_graphs: bool = False
) -> nn.Module:
    """Return what runs in training, with the parameters of `network`.

    Args:
        network: On its device.
        recipe: Names the engine.
        processes: Those that train together.
        cuda_graphs: Replay CUDA graphs; see `check_cuda_graphs`. What a pass returns is overwritten
            by the next one: a step must not keep logits.
    """
    if recipe.engine == "fused":
        from bnas.search.fused import FusedNetwork

        together = processes.size > 1
        return FusedNetwork(network, processes.sum_ if together else None)
    if recipe.engine == "compiled":
        # Static shapes: a stage of another side compiles anew instead of sharing slower code.
        mode = "reduce-overhead" if cuda_graphs else None
        compiled: Any = torch.compile(network, dynamic=False, mode=mode)
        runner: nn.Module = compiled  # torch says no more than that it can be called.
        return runner
    return network


@contextlib.contextmanager
def memory_guard(recipe: Recipe) -> Iterator[None]:
    """Name the batch size where the memory of a GPU does not suffice.

    Raises:
        OutOfMemoryError: It does not.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemoryError(recipe.batch_size, str(error)) from error


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    """Return the context in which the network runs: bfloat16 where the recipe says so."""
    wanted = recipe.precision == "bfloat16" and recipe.engine != "fused"
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)
