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
def programs(draw: st.DrawFn) -> tuple[list[Fill | Copy], dict[str, tuple[int, int, int]]]:
    """A chain of steps in which every buffer is written once and some are read again later."""
    count = draw(st.integers(1, 12))
    shapes = {f"v{i}": (draw(st.integers(1, 40)), 1, 1) for i in range(count)}
    steps: list[Fill | Copy] = []
    for index in range(count):
        target = whole(f"v{index}", shapes[f"v{index}"][0])
        earlier = draw(st.lists(st.integers(0, index - 1), max_size=3)) if index else []
        reads = tuple(whole(f"v{i}", shapes[f"v{i}"][0]) for i in earlier)
        steps.append(Copy(reads=reads, writes=(target,)) if reads else Fill(writes=(target,)))
    return steps, shapes


@given(programs())
def test_values_survive_until_their_last_reader(
    program: tuple[list[Fill | Copy], dict[str, tuple[int, int, int]]],
) -> None:
    steps, shapes = program
    output = steps[-1].writes[0]
    plan = plan_memory(steps, shapes, [output])
    buffers = plan.allocate(2)
    for index, step in enumerate(steps):
        for place in step.reads:
            assert (buffers[place.buffer] == int(place.buffer[1:])).all()
        buffers[step.writes[0].buffer][...] = index
    assert (buffers[output.buffer] == len(steps) - 1).all()


def test_a_chain_needs_two_buffers_only() -> None:
    names = [f"v{i}" for i in range(10)]
    shapes = dict.fromkeys(names, (16, 4, 4))
    steps: list[Fill | Copy] = [Fill(writes=(whole("v0", 16),))]
    for before, after in zip(names, names[1:], strict=False):
        steps.append(Copy(reads=(whole(before, 16),), writes=(whole(after, 16),)))
    plan = plan_memory(steps, shapes, [whole("v9", 16)])
    assert plan.size == 2 * 16 * 4 * 4
    assert plan.bytes_per_image == 4 * plan.size


def test_buffers_are_contiguous_views_of_one_block() -> None:
    steps = [Fill(writes=(whole("a", 3),)), Copy(reads=(whole("a", 3),), writes=(whole("b", 3),))]
    buffers = plan_memory(steps, {"a": (3, 2, 2), "b": (3, 2, 2)}, []).allocate(4)
    assert buffers["a"].shape == (4, 3, 2, 2)
    assert buffers["a"].flags.c_contiguous
    assert not np.shares_memory(buffers["a"], buffers["b"])
