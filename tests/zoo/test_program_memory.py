"""The plan of the buffers: what lives at the same time never overlaps."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnas.zoo.program.memory import plan_memory
from bnas.zoo.program.steps import Copy, Fill, Place


def whole(name: str, channels: int) -> Place:
    return Place(name, 0, channels)


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Fill | Copy], dict[str, int]]:
    """A chain of steps in which every buffer is written once and some are read again later."""
    count = draw(st.integers(1, 12))
    sizes = {f"v{i}": draw(st.integers(1, 40)) for i in range(count)}
    steps: list[Fill | Copy] = []
    for index in range(count):
        target = whole(f"v{index}", sizes[f"v{index}"])
        earlier = draw(st.lists(st.integers(0, index - 1), max_size=3)) if index else []
        reads = tuple(whole(f"v{i}", sizes[f"v{i}"]) for i in earlier)
        steps.append(Copy(reads=reads, writes=(target,)) if reads else Fill(writes=(target,)))
    return steps, sizes


@given(programs())
def test_values_survive_until_their_last_reader(
    program: tuple[list[Fill | Copy], dict[str, int]],
) -> None:
    steps, sizes = program
    output = steps[-1].writes[0]
    plan = plan_memory(steps, sizes, [output])
    memory = np.full(plan.size, -1)

    def values(place: Place) -> np.ndarray:
        start = plan.offsets[place.buffer]
        return memory[start : start + sizes[place.buffer]]

    for index, step in enumerate(steps):
        for place in step.reads:
            assert (values(place) == int(place.buffer[1:])).all()
        values(step.writes[0])[...] = index
    assert (values(output) == len(steps) - 1).all()


def test_a_chain_needs_two_buffers_only() -> None:
    names = [f"v{i}" for i in range(10)]
    sizes = dict.fromkeys(names, 256)
    steps: list[Fill | Copy] = [Fill(writes=(whole("v0", 16),))]
    for before, after in zip(names, names[1:], strict=False):
        steps.append(Copy(reads=(whole(before, 16),), writes=(whole(after, 16),)))
    plan = plan_memory(steps, sizes, [whole("v9", 16)])
    assert plan.size == 2 * 256
    assert plan.bytes_per_image == 4 * plan.size


def test_buffers_begin_at_cache_lines() -> None:
    steps = [Fill(writes=(whole("a", 3),)), Copy(reads=(whole("a", 3),), writes=(whole("b", 3),))]
    plan = plan_memory(steps, {"a": 17, "b": 5}, [])
    assert sorted(plan.offsets.values()) == [0, 32]
    assert plan.size == 48
