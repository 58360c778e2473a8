"""Packing moved to where values are made: the convolution that completes a value packs it too.

A comparison reads a whole value, of which a convolution often made some channels and another step,
or an earlier cell, the others. So it is cut by channels, and each part goes to the last step that
wrote them: into that convolution's pass over its own output, or right behind that step. Channels of
zeros have the same bits for every image.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from bnas.zoo.program.steps import BinaryConv, Fill, Pack, Place, Step
from bnas.zoo.program.thresholds import Cut

#: Channels that share the bytes of a plane; parts begin at multiples of it.
QUAD = 4


def fuse_packs(steps: Sequence[Step]) -> tuple[tuple[Step, ...], tuple[int, ...]]:
    """Move comparisons to the steps that complete what they compare.

    Args:
        steps: A program.

    Returns:
        The program with every comparison as early as it can be, and, for each number of steps of
        the old one, how many of the new one have then run at least.
    """
    fused: dict[int, list[tuple[int, Pack]]] = {}
    behind: dict[int, list[Pack]] = {}
    for index, step in enumerate(steps):
        if not isinstance(step, Pack):
            continue
        for writer, part, output in _parts(steps, index, step):
            if output is None:
                behind.setdefault(writer, []).append(part)
            else:
                fused.setdefault(writer, []).append((output, part))
    result: list[Step] = []
    reached = [0]
    for index, step in enumerate(steps):
        if not isinstance(step, Pack):
            result.append(_with_packs(step, fused.get(index, ())))
        result.extend(behind.get(index, ()))
        reached.append(len(result))
    return tuple(result), tuple(reached)


def _with_packs(step: Step, packs: Iterable[tuple[int, Pack]]) -> Step:
    """Return a convolution that packs too."""
    for output, pack in packs:
        assert isinstance(step, BinaryConv)
        floats = list(step.floats)
        floats[output] = evolve(floats[output], packs=(*floats[output].packs, pack))
        step = evolve(step, floats=tuple(floats))
    return step


def _parts(steps: Sequence[Step], index: int, pack: Pack) -> list[tuple[int, Pack, int | None]]:
    """Cut a comparison: for each part its last writer, and which of its outputs if it can fuse."""
    source = pack.source
    open_ranges = [(source.start, source.stop)]
    parts: list[tuple[int, Pack, int | None]] = []
    for writer in range(index - 1, -1, -1):
        # A convolution can add to what it stored itself: its last output completes a value.
        for number, place in reversed(tuple(enumerate(steps[writer].writes))):
            if place.buffer != source.buffer:
                continue
            rest: list[tuple[int, int]] = []
            for start, stop in open_ranges:
                first, last = max(start, place.start), min(stop, place.stop)
                if first >= last:
                    rest.append((start, stop))
                    continue
                if not _is_whole_quads(source, first, last):
                    return [(index, pack, None)]
                is_conv = isinstance(steps[writer], BinaryConv)
                is_all = (first, last) == (place.start, place.stop)
                output = number if is_conv and is_all else None
                part = _part(pack, first, last)
                if isinstance(steps[writer], Fill):
                    part = evolve(part, constant=True)
                parts.append((writer, part, output))
                rest += [(a, b) for a, b in ((start, first), (last, stop)) if a < b]
            open_ranges = rest
        if not open_ranges:
            return parts
    return [(index, pack, None)]


def _is_whole_quads(source: Place, first: int, last: int) -> bool:
    begins = (first - source.start) % QUAD == 0
    return begins and (last == source.stop or (last - source.start) % QUAD == 0)


def _part(pack: Pack, first: int, last: int) -> Pack:
    """Return the comparison of channels `first` to `last` of the buffer only."""
    begin, end = first - pack.source.start, last - pack.source.start
    return evolve(
        pack,
        source=Place(pack.source.buffer, first, last),
        cut=Cut(pack.cut.threshold[begin:end], pack.cut.flip[begin:end]),
        first=begin,
    )
