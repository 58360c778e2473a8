"""`Statistics`: the running statistics of a batch norm whose dead channels are left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from attrs import define
from torch import Tensor

from bnas.cells.nn.layers import BatchNorm2d
from bnas.search.fused.functions import Channels

#: Sums a float64 vector over all processes, in place.
Reduce = Callable[[Tensor], None]


@define(eq=False)
class Statistics:
    """Running statistics of the live channels of a batch norm.

    Attributes:
        norm: Owns them.
        dead: Per channel (C,), whether it is left out; None if none is.
        all_reduce: Sums over processes; None for those of this one.
    """

    norm: BatchNorm2d
    dead: Tensor | None
    all_reduce: Reduce | None

    @property
    def shift(self) -> Tensor:
        """What is subtracted before squaring, float32 (C',): about the mean."""
        mean = self.norm.running_mean
        return mean if self.dead is None else mean[~self.dead]

    def reduce(self, count: int, *sums: Channels) -> tuple[int, Channels, Channels]:
        """Sum a count and two vectors over all processes."""
        if self.all_reduce is None:
            return count, sums[0], sums[1]
        buffer = torch.from_numpy(np.concatenate(([float(count)], *sums)))
        self.all_reduce(buffer)
        first, second = buffer[1:].numpy().reshape(2, -1)
        return int(buffer[0]), first, second

    @torch.no_grad()
    def update(self, mean: Channels, variance: Channels, count: int) -> None:
        """Move the running statistics towards those of a batch; channels of zeros have mean 0.

        Args:
            mean: float64 (C',).
            variance: float64 (C',), not corrected for the mean being taken from the same values.
            count: Values a channel.
        """
        norm = self.norm
        unbiased = variance * count / max(count - 1, 1)
        for running, batch in ((norm.running_mean, mean), (norm.running_var, unbiased)):
            values = torch.from_numpy(batch).float()
            if self.dead is not None:
                values = torch.zeros_like(running).masked_scatter(~self.dead, values)
            running.lerp_(values, norm.momentum)
        norm.num_batches_tracked.add_(1)
