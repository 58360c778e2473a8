"""Steps in another order do the same and take less memory."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnas.zoo.c_export.dead_zeros import ZeroSigns
from bnas.zoo.c_export.order import constants_last, frees_first
from bnas.zoo.program.steps import AddTo, Copy, Fill, Pack, Place, PoolBits, Step
from bnas.zoo.program.thresholds import Cut

SIZES = {"a": 8, "b": 8, "c": 2, "d": 1}


def place(name: str, start: int = 0, stop: int = 4) -> Place:
    return Place(name, start, stop)


def copy(source: str, target: str) -> Copy:
    return Copy(reads=(place(source),), writes=(place(target),))


def pack(name: str, bits: str, kind: type[Pack] = Pack) -> Pack:
    cut = Cut(np.zeros(4, np.float32), np.zeros(4, bool))
    return kind(source=place(name), target=bits, cut=cut)


def pool(source: str, target: str) -> PoolBits:
    return PoolBits(source=source, target=target, window=None, falls=np.zeros(4, bool))


def test_a_last_reader_of_much_goes_first() -> None:
    large, small = copy("a", "b"), copy("a", "c")
    steps: list[Step] = [Fill(writes=(place("a"),)), large, small]
    assert frees_first(steps, SIZES) == (steps[0], small, large)


def test_one_that_takes_as_much_stays() -> None:
    steps: list[Step] = [Fill(writes=(place("a"),)), copy("a", "c"), copy("a", "b")]
    steps.append(copy("b", "d"))
    assert frees_first(steps, SIZES) == tuple(steps)


def test_none_passes_what_it_needs() -> None:
    first = Fill(writes=(place("a"),))
    for between in (
        AddTo(reads=(place("c"), place("a", 2, 3)), writes=(place("a", 2, 3),)),
        pack("d", "bits"),
    ):
        last = pack("a", "bits")
        steps: list[Step] = [first, copy("d", "c"), between, last]
        ordered = frees_first(steps, SIZES)
        assert ordered.index(first) < ordered.index(last)
        assert ordered.index(between) < ordered.index(last)


def test_bits_keep_writers_before_readers() -> None:
    steps: list[Step] = [pool("x", "y"), pack("a", "x")]
    assert frees_first(steps, SIZES) == tuple(steps)
    steps.reverse()
    assert frees_first(steps, SIZES) == tuple(steps)


def test_constants_come_before_the_first_that_touches_their_name() -> None:
    constants = [pack("a", "x", ZeroSigns), pack("b", "y", ZeroSigns)]
    others: list[Step] = [pack("c", "z"), pack("c", "y"), pool("y", "z"), pool("x", "z")]
    one, two, three, four = others
    assert constants_last([*constants, *others]) == (
        one,
        constants[1],
        two,
        three,
        constants[0],
        four,
    )


@st.composite
def programs(draw: st.DrawFn) -> list[Copy | AddTo]:
    """Copies and additions among ranges of a few buffers."""
    steps: list[Copy | AddTo] = []
    for _ in range(draw(st.integers(1, 10))):
        source, target = draw(st.permutations(sorted(SIZES)))[:2]
        start = draw(st.integers(0, 3))
        stop = draw(st.integers(start + 1, 4))
        reads, writes = place(source, start, stop), place(target, start, stop)
        if draw(st.booleans()):
            steps.append(AddTo(reads=(reads, writes), writes=(writes,)))
        else:
            steps.append(Copy(reads=(reads,), writes=(writes,)))
    return steps


def run(steps: tuple[Step, ...] | list[Copy | AddTo]) -> dict[str, list[int]]:
    memory = {
        name: [5**index + channel for channel in range(4)] for index, name in enumerate(SIZES)
    }
    for step in steps:
        source, target = step.reads[0], step.writes[0]
        for channel in range(target.start, target.stop):
            kept = memory[target.buffer][channel] if isinstance(step, AddTo) else 0
            memory[target.buffer][channel] = kept + memory[source.buffer][channel]
    return memory


@given(programs())
def test_values_are_the_same(steps: list[Copy | AddTo]) -> None:
    ordered = frees_first(steps, SIZES)
    assert sorted(map(id, ordered)) == sorted(map(id, steps))
    assert run(ordered) == run(steps)
