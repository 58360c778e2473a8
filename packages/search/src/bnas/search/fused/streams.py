"""`Stream`: activations without the channels that are constant by construction."""

from __future__ import annotations

from collections.abc import Sequence
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

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image with all its channels, (C, H, W)."""
        channels, height, width = self.live.shape[1:]
        return (channels if self.dead is None else len(self.dead), height, width)

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


def zeros_like(stream: Stream, shape: Sequence[int], dead: Tensor) -> Stream:
    """Return a stream of zeros, none of whose channels is kept.

    Args:
        stream: Of as many images.
        shape: Of an image, (C, H, W).
        dead: True for each of the C channels.
    """
    height, width = shape[1:]
    return Stream(stream.live.new_empty((len(stream.live), 0, height, width)), dead)


def in_half_precision(value: Any) -> Any:
    """Return a stream in bfloat16; averages and logits are float32 as long as nothing else reads.

    What waits for its reader as (module, stream) is in bfloat16 already.
    """
    if isinstance(value, Stream) and value.live.dtype != torch.bfloat16:
        return attrs.evolve(value, live=channels_last(value.live))
    return value


def expanded(value: Any) -> Any:
    """Return a stream in which nothing but zeros is left out; anything else as it is.

    What waits for its reader as (module, stream) is expanded if the module is a batch norm, which
    would take the constants for zeros. A convolution takes them as they are.
    """
    if isinstance(value, tuple) and isinstance(value[0], BatchNorm2d):
        return (value[0], expanded(value[1]))
    if isinstance(value, Stream) and value.constants is not None:
        return Stream(value.full())
    return value


def add(streams: list[Stream], dead: Tensor | None) -> Stream:
    """Add streams up, in which nothing but zeros is left out.

    Args:
        streams: Of one shape.
        dead: The channels that are left out of all of them; None for none.
    """
    places = [_place(stream, dead) for stream in streams]
    whole = [stream.live for stream, place in zip(streams, places, strict=True) if place is None]
    if not whole:
        channels, height, width = streams[0].shape
        kept = channels if dead is None else int((~dead).sum())
        shape = (len(streams[0].live), height, width, kept)
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
