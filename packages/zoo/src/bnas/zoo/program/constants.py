"""What is known to be zero is not convolved.

With the published CIFAR-10 cell half of the residual stream is 0 in the whole first stage: no node
ever writes there. A real convolution that reads it skips those channels; nothing changes, since its
batch norm, folded into weights and bias, has left what they contribute in the bias.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from attrs import evolve

from bnas.zoo.program.steps import Fill, Place, RealConv, Step


def skip_zeros(steps: Sequence[Step]) -> list[Step]:
    """Return the program with real convolutions that read no trailing channels of zeros."""
    zeros: dict[str, set[int]] = defaultdict(set)
    result: list[Step] = []
    for step in steps:
        if isinstance(step, RealConv):
            step = _narrowed(step, zeros[step.reads[0].buffer])
        result.append(step)
        for place in step.writes:
            channels = range(place.start, place.stop)
            if isinstance(step, Fill):
                zeros[place.buffer].update(channels)
            else:
                zeros[place.buffer].difference_update(channels)
    return result


def _narrowed(conv: RealConv, zeros: set[int]) -> RealConv:
    """Return a convolution without the channels of zeros at the end; one is left at least."""
    place, (groups, outputs, depth) = conv.reads[0], conv.weight.shape
    stop = place.stop
    while stop > place.start + 1 and stop - 1 in zeros:
        stop -= 1
    if stop == place.stop or groups > 1:
        return conv
    channels, live = place.stop - place.start, stop - place.start
    weight = conv.weight.reshape(groups, outputs, channels, depth // channels)[:, :, :live]
    return evolve(
        conv,
        reads=(Place(place.buffer, place.start, stop),),
        weight=np.ascontiguousarray(weight.reshape(groups, outputs, -1)),
        input_scale=None if conv.input_scale is None else conv.input_scale[:live],
    )
