"""Batch norms and ReLUs that vanish into the real convolution before them.

A convolution whose output only one of these reads writes what that would have written: the map of a
batch norm goes into weights and bias, a ReLU into the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from attrs import evolve

from bnas.zoo.program.steps import Place, RealConv, ReLU, Scale, Step


def absorb(steps: Sequence[Step], kept: Collection[str]) -> tuple[list[Step], list[int]]:
    """Join real convolutions with what follows them.

    Args:
        steps: The program.
        kept: Buffers that somebody looks at.

    Returns:
        The program, and, for each number of steps of the old one, how many of the new one have
        then run.
    """
    readers = Counter(place.buffer for step in steps for place in step.reads)
    result: list[Step] = []
    reached = [0]
    for step in steps:
        last = result[-1] if result else None
        joined = None
        if isinstance(step, Scale | ReLU) and isinstance(last, RealConv):
            is_alone = readers[last.writes[0].buffer] == 1
            if step.reads == last.writes and is_alone and step.reads[0].buffer not in kept:
                joined = _joined(last, step)
        if joined is None:
            result.append(step)
        else:
            result[-1] = joined
        reached.append(len(result))
    return result, reached


def _joined(conv: RealConv, step: Scale | ReLU) -> RealConv | None:
    """Return the convolution that does the step too, or None if it cannot."""
    place: Place = step.writes[0]
    if isinstance(step, ReLU):
        return None if conv.relu else evolve(conv, writes=(place,), relu=True)
    if conv.relu:
        return None
    if conv.output_scale is not None:
        conv = evolve(conv, weight=conv.folded_weight(), input_scale=None, output_scale=None)
    multiplier = step.affine.multiplier.astype(np.float64)
    groups, outputs, _ = conv.weight.shape
    bias = np.zeros(groups * outputs) if conv.bias is None else conv.bias.astype(np.float64)
    return evolve(
        conv,
        writes=(place,),
        output_scale=step.affine.multiplier,
        bias=(bias * multiplier + step.affine.offset).astype(np.float32),
    )
