"""Zeros that nobody reads take no memory.

With the published CIFAR-10 cell half of the residual stream is 0 in the whole first stage, and what
reads it knows: real convolutions skip it, and its signs are constants. So its channels need not be
there at all, which is half of the largest buffer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from bnas.zoo.program.steps import Fill, Pack, Place, Step


@frozen(kw_only=True, eq=False)
class ZeroSigns(Pack):
    """Signs of zeros: they are known, so that nothing is read."""

    @property
    def reads(self) -> tuple[Place, ...]:
        """None."""
        return ()


def live_channels(steps: Sequence[Step], output: Place) -> dict[str, int]:
    """Return, for every float buffer, the channels up to the last that holds more than dead zeros.

    Args:
        steps: The program.
        output: What is read after the last step.
    """
    live = {output.buffer: output.stop}
    for step in steps:
        is_constant = isinstance(step, Pack) and step.constant
        reads = () if is_constant else step.reads
        writes = () if isinstance(step, Fill) else step.writes
        for place in (*reads, *writes):
            live[place.buffer] = max(live.get(place.buffer, 0), place.stop)
    return live


def without_dead_zeros(steps: Sequence[Step], live: Mapping[str, int]) -> tuple[Step, ...]:
    """Return the program without zeros behind the live channels of a buffer.

    Constant comparisons become `ZeroSigns`.
    """
    result: list[Step] = []
    for step in steps:
        if isinstance(step, Fill):
            (place,) = step.writes
            stop = min(place.stop, live.get(place.buffer, 0))
            if stop <= place.start:
                continue
            step = evolve(step, writes=(Place(place.buffer, place.start, stop),))
        elif isinstance(step, Pack) and step.constant:
            step = ZeroSigns(
                source=step.source,
                target=step.target,
                cut=step.cut,
                first=step.first,
                constant=True,
            )
        result.append(step)
    return tuple(result)
