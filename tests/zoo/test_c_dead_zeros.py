"""Zeros that nobody reads take no memory; all others stay."""

from __future__ import annotations

import numpy as np

from bnas import zoo
from bnas.zoo.c_export import c_source
from bnas.zoo.c_export.dead_zeros import ZeroSigns, live_channels, without_dead_zeros
from bnas.zoo.program.steps import Copy, Fill, Pack, Place, Step
from bnas.zoo.program.thresholds import Cut

SOURCE, OUTPUT = Place("other", 0, 4), Place("result", 0, 4)


def fill(start: int, stop: int) -> Fill:
    return Fill(writes=(Place("stream", start, stop),))


def copy(source: Place, target: Place) -> Copy:
    return Copy(reads=(source,), writes=(target,))


def pack(start: int, stop: int, *, constant: bool) -> Pack:
    cut = Cut(np.zeros(stop - start, np.float32), np.zeros(stop - start, bool))
    return Pack(source=Place("stream", start, stop), target="bits", cut=cut, constant=constant)


def places(steps: tuple[Step, ...]) -> list[tuple[int, int]]:
    return [(step.writes[0].start, step.writes[0].stop) for step in steps if type(step) is Fill]


def test_zeros_whose_signs_are_known_go() -> None:
    steps: list[Step] = [
        fill(4, 8),
        pack(4, 8, constant=True),
        copy(SOURCE, Place("stream", 0, 4)),
        copy(Place("stream", 0, 4), OUTPUT),
    ]
    live = live_channels(steps, OUTPUT)
    assert live == {"result": 4, "other": 4, "stream": 4}
    signs, *others = without_dead_zeros(steps, live)
    assert others == steps[2:]
    assert isinstance(signs, ZeroSigns)
    assert (signs.target, signs.reads) == ("bits", ())


def test_a_buffer_of_dead_zeros_alone_goes() -> None:
    steps: list[Step] = [fill(0, 8), pack(0, 8, constant=True)]
    live = live_channels(steps, OUTPUT)
    assert live == {"result": 4}
    assert [type(step) for step in without_dead_zeros(steps, live)] == [ZeroSigns]


def test_zeros_that_are_read_stay() -> None:
    for reader in (pack(4, 6, constant=False), copy(Place("stream", 2, 6), OUTPUT)):
        steps: list[Step] = [fill(2, 8), reader]
        live = live_channels(steps, OUTPUT)
        assert live["stream"] == 6
        assert places(without_dead_zeros(steps, live)) == [(2, 6)]


def test_zeros_that_are_written_to_or_put_out_stay() -> None:
    steps: list[Step] = [fill(0, 8), copy(SOURCE, Place("stream", 4, 8))]
    live = live_channels(steps, OUTPUT)
    assert places(without_dead_zeros(steps, live)) == [(0, 8)]
    assert live_channels([fill(0, 8)], Place("stream", 0, 3)) == {"stream": 3}


def test_half_of_the_first_stage_is_not_there() -> None:
    arenas = c_source(zoo.load("BNAS-Mini")).arenas
    assert arenas.shapes["cells.0.concat"] == (96, 32, 32)
    assert arenas.live["cells.0.concat"] == 48
