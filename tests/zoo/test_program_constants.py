"""`skip_zeros`: channels that are known to be zero are not convolved."""

from __future__ import annotations

import numpy as np
import pytest

from bnas.binops import tape
from bnas.zoo.program.constants import skip_zeros
from bnas.zoo.program.steps import Copy, Fill, Place, RealConv, Step


def conv(start: int, stop: int, groups: int = 1) -> RealConv:
    channels = (stop - start) // groups
    weight = np.arange(groups * 2 * channels * 9, dtype=np.float32)
    return RealConv(
        weight=weight.reshape(groups, 2, channels * 9),
        bias=None,
        window=tape.Window(kernel=3),
        reads=(Place("stream", start, stop),),
        writes=(Place("out", 0, 2 * groups),),
    )


def fill(start: int, stop: int) -> Fill:
    return Fill(writes=(Place("stream", start, stop),))


def write(start: int, stop: int) -> Copy:
    return Copy(reads=(Place("other", 0, stop - start),), writes=(Place("stream", start, stop),))


@pytest.mark.parametrize(
    ("before", "place", "live"),
    [
        ([write(0, 4), fill(4, 8)], (0, 8), (0, 4)),
        ([fill(4, 8), write(0, 4)], (0, 8), (0, 4)),
        ([write(0, 2), fill(2, 4), write(4, 8)], (0, 8), (0, 8)),  # not at the end
        ([fill(0, 8), write(5, 6)], (0, 8), (0, 6)),
        ([fill(0, 8)], (0, 8), (0, 1)),  # one is left
        ([fill(0, 8)], (3, 8), (3, 4)),
        ([write(0, 6), fill(6, 8)], (2, 7), (2, 6)),
        ([fill(4, 8), write(0, 8)], (0, 8), (0, 8)),  # zero no more
        ([], (0, 8), (0, 8)),
    ],
)
def test_trailing_zeros(before: list[Step], place: tuple[int, int], live: tuple[int, int]) -> None:
    full = conv(*place)
    *others, found = skip_zeros([*before, full])
    assert others == before
    assert isinstance(found, RealConv)
    assert found.reads == (Place("stream", *live),)
    channels, kept = place[1] - place[0], live[1] - live[0]
    weight = full.weight.reshape(1, 2, channels, 9)[:, :, :kept]
    np.testing.assert_array_equal(found.weight, weight.reshape(1, 2, -1))
    assert found.weight.flags.c_contiguous


def test_zeros_written_later_do_not_count() -> None:
    steps = [write(0, 8), conv(0, 8), fill(4, 8)]
    assert skip_zeros(steps) == steps


def test_groups_keep_their_channels() -> None:
    steps = [fill(0, 8), conv(0, 8, groups=2)]
    assert skip_zeros(steps) == steps


def test_buffers_are_told_apart() -> None:
    steps = [write(0, 8), Fill(writes=(Place("other", 0, 8),)), conv(0, 8)]
    assert skip_zeros(steps) == steps
