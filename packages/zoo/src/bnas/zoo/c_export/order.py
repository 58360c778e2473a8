"""The order of steps: what frees memory as soon, and what takes some as late, as it can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bnas.zoo.c_export.dead_zeros import ZeroSigns
from bnas.zoo.program.planes import read_bits, written_bits
from bnas.zoo.program.steps import Place, Step


def frees_first(steps: Sequence[Step], sizes: Mapping[str, int]) -> tuple[Step, ...]:
    """Return the program with steps moved up that give back more memory than they take.

    The order of a graph lets a large value wait for its last reader while others are made. What
    every step computes stays the same.

    Args:
        steps: The program.
        sizes: Float buffer -> its size.
    """
    touched = [{place.buffer for place in (*step.reads, *step.writes)} for step in steps]
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, buffers in enumerate(touched):
        for buffer in buffers:
            first.setdefault(buffer, index)
            last[buffer] = index
    result: list[Step] = []
    for index, step in enumerate(steps):
        taken = sum(sizes[buffer] for buffer in touched[index] if first[buffer] == index)
        given = sum(sizes[buffer] for buffer in touched[index] if last[buffer] == index)
        place = len(result)
        if given > taken:
            while place and not _depends(step, result[place - 1]):
                place -= 1
        result.insert(place, step)
    return tuple(result)


def constants_last(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the program with bits that are the same for every image made when they are needed.

    That is right before the first step that reads or writes other bits of the same name: the
    program makes them where it knows them, which keeps their memory for long.
    """
    waiting: dict[str, list[Step]] = {}
    result: list[Step] = []
    for step in steps:
        if isinstance(step, ZeroSigns):
            waiting.setdefault(step.target, []).append(step)
            continue
        for name in (*written_bits(step), *read_bits(step)):
            result.extend(waiting.pop(name, ()))
        result.append(step)
    return tuple(result)


def _depends(later: Step, earlier: Step) -> bool:
    """Whether two steps must keep their order: one writes what the other writes or reads."""
    if _overlap(later.writes, (*earlier.reads, *earlier.writes)):
        return True
    if _overlap(later.reads, earlier.writes):
        return True
    writes, reads = set(written_bits(later)), set(read_bits(later))
    earlier_writes = set(written_bits(earlier))
    return bool(writes & (earlier_writes | set(read_bits(earlier))) or reads & earlier_writes)


def _overlap(places: Iterable[Place], others: Sequence[Place]) -> bool:
    return any(
        place.buffer == other.buffer and place.start < other.stop and other.start < place.stop
        for place in places
        for other in others
    )
