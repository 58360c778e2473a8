"""`fuse_packs`: comparisons move to what completes a value, and never before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.binops import tape
from bnas.zoo.program.fusion import QUAD, fuse_packs
from bnas.zoo.program.steps import BinaryConv, Copy, Fill, Floats, Pack, Place, Step
from bnas.zoo.program.thresholds import Cut


def conv(*targets: Place, adds: bool = False) -> BinaryConv:
    """A convolution that writes floats to some places."""
    outputs = targets[0].stop - targets[0].start
    return BinaryConv(
        source="bits",
        geometry=tape.conv_geometry((4, 3, 3), (outputs, 4, 1, 1), 1, 0, 1, 1),
        weight=np.zeros((outputs, 1, 1, 1), np.uint8),
        bits=(),
        floats=tuple(
            Floats(target=target, scale=np.ones(outputs, np.float32), adds=adds or index > 0)
            for index, target in enumerate(targets)
        ),
    )


def pack(source: Place, target: str = "signs") -> Pack:
    """A comparison whose thresholds are the numbers of the buffer's channels."""
    channels = np.arange(source.start, source.stop, dtype=np.float32)
    return Pack(source=source, target=target, cut=Cut(channels, channels % 2 == 0))


def packs_of(step: Step) -> list[Pack]:
    if isinstance(step, Pack):
        return [step]
    if isinstance(step, BinaryConv):
        return [pack for part in step.floats for pack in part.packs]
    return []


STREAM = Place("stream", 0, 16)
FIRST, SECOND = Place("stream", 0, 8), Place("stream", 8, 16)


class TestWhereTheyGo:
    def test_into_the_convolution_that_writes_the_value(self) -> None:
        other = Fill(writes=(Place("other", 0, 4),))
        steps, reached = fuse_packs([conv(STREAM), other, pack(STREAM)])
        assert [type(step) for step in steps] == [BinaryConv, Fill]
        assert [part.source for part in packs_of(steps[0])] == [STREAM]
        assert reached == (0, 1, 2, 2)

    def test_parts_into_the_convolutions_that_write_them(self) -> None:
        steps, reached = fuse_packs([conv(FIRST), conv(SECOND), pack(STREAM)])
        found = [part for step in steps for part in packs_of(step)]
        assert [(part.source, part.first) for part in found] == [(FIRST, 0), (SECOND, 8)]
        np.testing.assert_array_equal(found[1].cut.threshold, np.arange(8, 16))
        assert reached == (0, 1, 2, 2)

    def test_right_behind_a_step_that_cannot_pack(self) -> None:
        steps, reached = fuse_packs([Fill(writes=(FIRST,)), conv(SECOND), pack(STREAM)])
        assert [type(step) for step in steps] == [Fill, Pack, BinaryConv]
        assert reached == (0, 2, 3, 3)

    def test_into_the_last_output_of_a_convolution_that_adds_to_its_own(self) -> None:
        """A sum of a convolution and its ReLU is complete after the second."""
        steps, _ = fuse_packs([conv(STREAM, STREAM), pack(STREAM)])
        (step,) = steps
        assert isinstance(step, BinaryConv)
        assert [len(part.packs) for part in step.floats] == [0, 1]

    def test_not_into_a_convolution_that_writes_more_channels(self) -> None:
        steps, _ = fuse_packs([conv(STREAM), pack(FIRST)])
        assert [type(step) for step in steps] == [BinaryConv, Pack]
        assert not packs_of(steps[0])

    def test_every_reader_gets_its_own(self) -> None:
        steps, _ = fuse_packs([conv(STREAM), pack(STREAM, "a"), pack(STREAM, "b")])
        assert [part.target for part in packs_of(steps[0])] == ["a", "b"]

    def test_values_of_different_times_are_compared_when_they_are_there(self) -> None:
        """The residual stream is one buffer that every cell adds to."""
        program = [conv(STREAM), pack(STREAM, "a"), conv(STREAM, adds=True), pack(STREAM, "b")]
        steps, _ = fuse_packs(program)
        assert [[part.target for part in packs_of(step)] for step in steps] == [["a"], ["b"]]

    @pytest.mark.parametrize("border", [1, 6, 7])
    def test_parts_are_whole_quads_or_one(self, border: int) -> None:
        left, right = Place("stream", 0, border), Place("stream", border, 16)
        steps, _ = fuse_packs([conv(left), conv(right), pack(STREAM)])
        assert [type(step) for step in steps] == [BinaryConv, BinaryConv, Pack]

    def test_a_value_that_nothing_wrote_is_compared_where_it_was(self) -> None:
        steps, _ = fuse_packs([conv(FIRST), pack(STREAM)])
        assert [type(step) for step in steps] == [BinaryConv, Pack]


@st.composite
def programs(draw: st.DrawFn) -> list[Step]:
    """Steps that write, add to and compare parts of one buffer of 16 channels."""
    steps: list[Step] = [Fill(writes=(STREAM,))]
    for index in range(draw(st.integers(1, 10))):
        start = draw(st.integers(0, 15))
        place = Place("stream", start, draw(st.integers(start + 1, 16)))
        kind = draw(st.sampled_from(["conv", "twice", "add", "copy", "pack"]))
        if kind == "pack":
            steps.append(pack(place, f"signs{index}"))
        elif kind == "copy":
            steps.append(Copy(reads=(Place("other", 0, 16),), writes=(place,)))
        else:
            steps.append(conv(*[place] * (1 + (kind == "twice")), adds=kind == "add"))
    return steps


def compared(steps: tuple[Step, ...]) -> dict[tuple[str, int], tuple[int, float]]:
    """Run a program on numbers of writes: what every channel of bits saw, and its threshold."""
    writes = np.zeros(16, np.int64)
    seen: dict[tuple[str, int], tuple[int, float]] = {}

    def compare(part: Pack) -> None:
        assert part.first % QUAD == 0
        for index, channel in enumerate(range(part.source.start, part.source.stop)):
            key = (part.target, part.first + index)
            assert key not in seen
            seen[key] = (int(writes[channel]), float(part.cut.threshold[index]))

    for step in steps:
        if isinstance(step, Pack):
            compare(step)
            continue
        for index, place in enumerate(step.writes):
            writes[place.start : place.stop] += 1
            if isinstance(step, BinaryConv):
                for part in step.floats[index].packs:
                    assert part.source == place
                    compare(part)
    return seen


@given(programs())
def test_every_comparison_sees_what_it_saw(steps: list[Step]) -> None:
    fused, reached = fuse_packs(steps)
    assert compared(fused) == compared(tuple(steps))
    assert len(reached) == len(steps) + 1
    # What has run in the old program has run in the new one.
    for count, new in enumerate(reached):
        old_writes = [s.writes for s in steps[:count] if not isinstance(s, Pack)]
        new_writes = [s.writes for s in fused[:new] if not isinstance(s, Pack)]
        assert old_writes == new_writes


def test_only_comparisons_of_zeros_are_constant() -> None:
    steps, _ = fuse_packs([Fill(writes=(FIRST,)), conv(SECOND), pack(STREAM)])
    assert [part.constant for step in steps for part in packs_of(step)] == [True, False]
    steps, _ = fuse_packs([Fill(writes=(STREAM,)), conv(STREAM, adds=True), pack(STREAM)])
    assert [part.constant for step in steps for part in packs_of(step)] == [False]
