"""Comparisons cut where words begin: every bit is made once, from the same value, by one launch."""

from __future__ import annotations

import functools
from collections import defaultdict

import numpy as np
import pytest

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.zoo.cuda.whole_words import WORD, pack_whole_words
from bnas.zoo.program.emitter import Emitted, emit
from bnas.zoo.program.steps import BinaryConv, Fill, Pack, Step

SIZES = {"BNAS-Mini": 16, "BNAS-A": 16, "BNAS-D": 32, "Bi-Real-18": 32}


@functools.cache
def emitted(name: str) -> Emitted:
    parameters = zoo.pack(Network(cells.spec(name))).parameters
    return emit(parameters.graph, parameters, (SIZES[name], SIZES[name]))


def comparisons(steps: tuple[Step, ...]) -> dict[str, list[tuple[int, bool, Pack]]]:
    """Name of bits -> number of the step, whether a convolution makes them, and the comparison."""
    found: dict[str, list[tuple[int, bool, Pack]]] = defaultdict(list)
    for index, step in enumerate(steps):
        if isinstance(step, Pack):
            found[step.target].append((index, False, step))
        elif isinstance(step, BinaryConv):
            for pack in (pack for part in step.floats for pack in part.packs):
                found[pack.target].append((index, True, pack))
    return {name: sorted(each, key=lambda item: item[2].first) for name, each in found.items()}


def channels(parts: list[tuple[int, bool, Pack]]) -> list[tuple[str, int, int, float, bool]]:
    """What becomes of every bit: buffer and channel, bit, threshold and flip."""
    return [
        (pack.source.buffer, pack.source.start + index, pack.first + index, threshold, flip)
        for _, _, pack in parts
        for index, (threshold, flip) in enumerate(
            zip(pack.cut.threshold.tolist(), pack.cut.flip.tolist(), strict=True)
        )
    ]


@pytest.mark.parametrize("name", SIZES)
def test_every_bit_is_made_once_as_before(name: str) -> None:
    before = emitted(name)
    steps, reached = pack_whole_words(before.steps, before.shapes)
    old, new = comparisons(before.steps), comparisons(steps)
    assert {key: channels(parts) for key, parts in old.items()} == {
        key: channels(parts) for key, parts in new.items()
    }
    assert len(reached) == len(before.steps) + 1
    assert reached[-1] == len(steps)
    others = [type(step) for step in before.steps if not isinstance(step, Pack)]
    assert [type(step) for step in steps if not isinstance(step, Pack)] == others


@pytest.mark.parametrize("name", SIZES)
def test_no_two_comparisons_share_a_word(name: str) -> None:
    before = emitted(name)
    steps, _ = pack_whole_words(before.steps, before.shapes)
    for target, parts in comparisons(steps).items():
        for _, _, pack in parts:
            stop = pack.first + len(pack.cut.flip)
            assert pack.first % WORD == 0
            assert stop % WORD == 0 or stop == before.shapes[target][0]


@pytest.mark.parametrize("name", SIZES)
def test_what_is_compared_is_complete_and_read_later(name: str) -> None:
    """The values are as they are after the old program's comparison, and the bits are in time."""
    before = emitted(name)
    steps, _ = pack_whole_words(before.steps, before.shapes)
    old = comparisons(before.steps)
    for target, parts in comparisons(steps).items():
        readers = [n for n, step in enumerate(steps) if getattr(step, "source", None) == target]
        for index, _, pack in parts:
            assert index < min(readers)
            stop = pack.first + len(pack.cut.flip)
            sources = [n for n, _, each in old[target] if pack.first <= each.first < stop]
            made = sum(not isinstance(step, Pack) for step in steps[: index + 1])
            ready = [
                sum(not isinstance(step, Pack) for step in before.steps[: n + 1]) for n in sources
            ]
            assert made >= max(ready, default=0)


def test_words_of_zeros_alone_are_made_once() -> None:
    before = emitted("BNAS-A")
    steps, _ = pack_whole_words(before.steps, before.shapes)
    constant = [step for step in steps if isinstance(step, Pack) and step.constant]
    assert constant
    zeros: set[tuple[str, int]] = set()
    for step in steps:
        if isinstance(step, Fill):
            place = step.writes[0]
            zeros |= {(place.buffer, channel) for channel in range(place.start, place.stop)}
    for step in constant:
        source = step.source
        assert {(source.buffer, c) for c in range(source.start, source.stop)} <= zeros


def test_readers_of_one_value_follow_each_other() -> None:
    before = emitted("BNAS-A")
    steps, _ = pack_whole_words(before.steps, before.shapes)
    places = [step.source for step in steps if isinstance(step, Pack) and not step.constant]
    groups = sum(a != b for a, b in zip(places, places[1:], strict=False)) + 1
    assert groups < len(places) / 2
    assert np.all([place.stop > place.start for place in places])
