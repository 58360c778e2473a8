"""`Processes`: data-parallel training under ``torchrun``; one process is the ordinary case.

Every process draws the whole batch and takes its share of it, and batch norm sums over all of them,
so that the result does not depend on how many there are, up to the order of float additions.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, distributed, nn

from bnas.cells.nn import BatchNorm2d
from bnas.search.errors import CheckpointError, RecipeError


@frozen
class Processes:
    """The processes that train together.

    Attributes:
        rank: Number of this one, from 0.
        size: How many there are.
        device: Of this one.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """Return which images of a batch this process takes.

        Raises:
            RecipeError: The batch cannot be shared evenly.
        """
        if batch_size % self.size:
            raise RecipeError(
                f"`batch_size` must be a multiple of the number of processes "
                f"(got {batch_size}, {self.size} processes)"
            )
        part = batch_size // self.size
        return slice(self.rank * part, (self.rank + 1) * part)

    def sum_(self, values: Tensor) -> None:
        """Sum `values` over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values)

    def agree(self, number: int) -> int:
        """Return the number, or the decision, of the leading process."""
        if self.size == 1:
            return number
        common = torch.tensor([number], dtype=torch.int64, device=self.device)
        distributed.broadcast(common, src=0)
        return int(common.item())

    def any_of(self, *flags: bool) -> tuple[bool, ...]:
        """Return of each flag whether it is true in any process; all get the same answer."""
        if self.size == 1:
            return flags
        common = torch.tensor(flags, dtype=torch.int64, device=self.device)
        distributed.all_reduce(common, distributed.ReduceOp.MAX)
        return tuple(bool(flag) for flag in common.tolist())

    def raise_together(self, failure: CheckpointError | None, path: Path) -> None:
        """Raise what the leading process has failed with, in it and in all others.

        Without it they would wait for it in the next sum.

        Args:
            failure: In the leading process; None in the others, and if it has not failed.
            path: What was to be written, for the message of the others.

        Raises:
            CheckpointError: There is a failure.
        """
        (failed,) = self.any_of(failure is not None)
        if failure is not None:
            raise failure
        if failed:
            raise CheckpointError(f"{path} cannot be written; the leading process says why", path)

    def join_statistics(self, network: nn.Module) -> None:
        """Let every batch norm of a network count the images of all processes."""
        if self.size == 1:
            return
        for module in network.modules():
            if isinstance(module, BatchNorm2d):
                module.all_reduce = _SumOverAll.apply

    def average_(self, gradients: Sequence[Tensor]) -> None:
        """Average tensors over all processes, in place and in one message."""
        if self.size == 1 or not gradients:
            return
        joined = torch.cat([each.reshape(-1) for each in gradients]) / self.size
        distributed.all_reduce(joined)
        sizes = [each.numel() for each in gradients]
        for each, part in zip(gradients, torch.split(joined, sizes), strict=True):
            each.copy_(part.view_as(each))

    def wrap(self, runner: nn.Module) -> nn.Module:
        """Return `runner` with gradients averaged, and batch statistics joined, over all."""
        if self.size == 1:
            return runner
        self.join_statistics(runner)
        # Statistics are the same everywhere already; how to say so has changed with torch 2.13.
        parallel = nn.parallel.DistributedDataParallel
        known = inspect.signature(parallel).parameters
        name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
        options: dict[str, Any] = {name: False}
        return parallel(runner, **options)


class _SumOverAll(torch.autograd.Function):
    """The sum of a tensor over all processes; its gradient is summed likewise."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        total = grads[0].clone()
        distributed.all_reduce(total)
        return total


def own_gpu(device: torch.device) -> torch.device:
    """Return the device of this process: under ``torchrun`` each has the GPU of its own number.

    Args:
        device: As it was asked for.

    Raises:
        RecipeError: One GPU is named for several processes.
    """
    if device.type != "cuda" or _is_alone():
        return device
    number = int(os.environ.get("LOCAL_RANK", "0"))
    if device.index not in (None, number):
        raise RecipeError(
            "`device` must be 'cuda' for processes that train together, each of which takes the "
            f"GPU of its own number, here {number} (got '{device}')"
        )
    return torch.device("cuda", number)


def join(device: torch.device) -> Processes:
    """Join the processes that ``torchrun`` started; they part when they end.

    Called again, it returns the same processes: to part and to join anew, on the store of the first
    time, hangs now and then.

    Args:
        device: Of this process; of GPUs, that of `own_gpu`.

    Raises:
        RecipeError: One GPU is named for several processes.
    """
    if _is_alone():
        return Processes(device=device)
    backend = "gloo"
    if device.type == "cuda":
        backend, device = "nccl", own_gpu(device)
        torch.cuda.set_device(device)
    if not distributed.is_initialized():
        # Imported later, its default arguments would hold the group until the end.
        importlib.import_module("torch.distributed.nn.functional")
        distributed.init_process_group(backend)
        atexit.register(_part)
    return Processes(distributed.get_rank(), distributed.get_world_size(), device)


def _part() -> None:
    """End the threads of the group while Python is still there.

    They let go of a tensor now and then a little late, which aborts a process without Python.
    """
    gc.collect()  # Data-parallel modules hold the group, in cycles.
    distributed.destroy_process_group()


def _is_alone() -> bool:
    joined = distributed.is_available() and distributed.is_initialized()
    return int(os.environ.get("WORLD_SIZE", "1")) == 1 and not joined
