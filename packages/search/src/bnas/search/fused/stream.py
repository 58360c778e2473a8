"""`Stream`: activations of the fused network, channels that are known left out."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from attrs import frozen
from torch import Tensor

from bnas.cells.nn.layers import BatchNorm2d
from bnas.search.fused.functions import AddChannels, channels_last


@frozen(eq=False)
class Stream:
    """Activations of which only the live channels are kept.

    Attributes:
        live: bfloat16 (N, C', H, W) in channels-last memory format; float32 out of a global average
            or a linear layer.
        dead: Per channel of all C, whether it is left out; None if none is.
        constants: float32 (C - C',): the values of the channels left out; None if they are 0.
    """

    live: Tensor
    dead: Tensor | None = None
    constants: Tensor | None = None

    def full(self) -> Tensor:
        """Return all channels."""
        if self.dead is None:
            return self.live
        count, _, height, width = self.live.shape
        whole = self.live.new_zeros((count, height, width, len(self.dead))).permute(0, 3, 1, 2)
        if self.constants is not None:
            values = self.constants.to(whole.dtype)[:, None, None].expand(-1, height, width)
            whole = whole.index_add(1, self.dead.nonzero()[:, 0], values.expand(count, -1, -1, -1))
        return whole.index_add(1, (~self.dead).nonzero()[:, 0], self.live)


def in_half_precision(value: Any) -> Any:
    """Return a stream in bfloat16; averages and logits are float32 as long as nothing else reads.

    What waits for its reader as (module, stream) is in bfloat16 already.
    """
    if isinstance(value, Stream) and value.live.dtype != torch.bfloat16:
        return attrs.evolve(value, live=channels_last(value.live))
    return value


def without_constants(value: Any) -> Any:
    """Return a stream in which nothing but zeros is left out; anything else as it is.

    What waits for its reader as (module, stream) is expanded if the module is a batch norm, which
    would take the constants for zeros. A convolution takes them as they are.
    """
    if isinstance(value, tuple) and isinstance(value[0], BatchNorm2d):
        return (value[0], without_constants(value[1]))
    if isinstance(value, Stream) and value.constants is not None:
        return Stream(value.full())
    return value


def add(streams: list[Stream], dead: Tensor | None) -> Stream:
    """Add streams up; `dead` are the channels that are 0 in all of them."""
    places = [_place(stream, dead) for stream in streams]
    count, _, height, width = streams[0].live.shape
    whole = [stream.live for stream, place in zip(streams, places, strict=True) if place is None]
    if not whole:
        assert dead is not None
        shape = (count, height, width, int((~dead).sum()))
        whole = [streams[0].live.new_zeros(shape).permute(0, 3, 1, 2)]
    total = whole[0]
    for live in whole[1:]:
        total = total + live
    for stream, place in zip(streams, places, strict=True):
        if place is not None and len(place):
            total = AddChannels.apply(total, stream.live, place)
    return Stream(total, dead)


def _place(stream: Stream, dead: Tensor | None) -> Tensor | None:
    """Return the indices of a stream's channels among those that are not dead; None for all."""
    if stream.dead is None or (dead is not None and torch.equal(stream.dead, dead)):
        return None
    kept = torch.ones_like(stream.dead) if dead is None else ~dead
    return (kept.cumsum(0) - 1)[~stream.dead]
