"""Comparisons of floats cut where words begin, so that no two launches share a word.

The CPU packs what every convolution writes, in groups of four channels. On a GPU 32 channels are a
word, which one launch writes as a whole: a convolution packs its own channels if they fill words;
the others of the same bits are packed together, once the last of them is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from attrs import evolve, frozen

from bnas.zoo.program.steps import BinaryConv, Pack, Place, Step
from bnas.zoo.program.thresholds import Cut

WORD = 32
Shape = tuple[int, int, int]


@frozen(eq=False)
class _Part:
    """A comparison of some channels, and the number of the step that it belongs to."""

    step: int
    pack: Pack

    @property
    def stop(self) -> int:
        """The bit after the last one."""
        return self.pack.first + len(self.pack.cut.flip)


def pack_whole_words(
    steps: Sequence[Step], shapes: Mapping[str, Shape]
) -> tuple[tuple[Step, ...], tuple[int, ...]]:
    """Join comparisons that share words.

    Args:
        steps: A program, as `emit` returns it.
        shapes: Name of bits -> (C, H, W).

    Returns:
        The program, and, for each number of steps of the old one, how many of the new one have then
        run at least.
    """
    loose = _loose_parts(steps, shapes)
    is_loose = {id(part.pack) for parts in loose.values() for part in parts}
    joined: dict[int, list[Pack]] = defaultdict(list)
    for parts in loose.values():
        for run in _runs(parts):
            joined[max(part.step for part in run)].extend(_joined(run))
    result: list[Step] = []
    reached = [0]
    for index, step in enumerate(steps):
        if id(step) not in is_loose:
            result.append(_without(step, is_loose))
        # Those that read the same are neighbours then, and become one launch.
        packs: list[Pack] = sorted(joined[index], key=_order)
        result.extend(packs)
        reached.append(len(result))
    return tuple(result), tuple(reached)


def _order(pack: Pack) -> tuple[str, int, int, bool]:
    return pack.source.buffer, pack.source.start, pack.source.stop, pack.constant


def _loose_parts(steps: Sequence[Step], shapes: Mapping[str, Shape]) -> dict[str, list[_Part]]:
    """Find the comparisons that do not fill words: name of the bits -> these, by channels."""
    found: dict[str, list[_Part]] = defaultdict(list)
    for index, step in enumerate(steps):
        if isinstance(step, Pack):
            packs: tuple[Pack, ...] = (step,)
        elif isinstance(step, BinaryConv):
            packs = tuple(pack for part in step.floats for pack in part.packs)
        else:
            continue
        for pack in packs:
            part = _Part(index, pack)
            ends = part.stop % WORD == 0 or part.stop == shapes[pack.target][0]
            if pack.first % WORD or not ends:
                found[pack.target].append(part)
    return {name: sorted(parts, key=lambda part: part.pack.first) for name, parts in found.items()}


def _runs(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Cut parts into runs without a gap between them."""
    runs: list[list[_Part]] = []
    for part in parts:
        if runs and runs[-1][-1].stop == part.pack.first:
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _joined(run: Sequence[_Part]) -> list[Pack]:
    """Return the comparisons of a run, cut between words that are always the same and others."""
    packs = [part.pack for part in run]
    begin, stop = packs[0].first, run[-1].stop
    source = packs[0].source.start
    threshold = np.concatenate([pack.cut.threshold for pack in packs])
    flip = np.concatenate([pack.cut.flip for pack in packs])
    is_constant = np.concatenate([np.full(len(pack.cut.flip), pack.constant) for pack in packs])
    result: list[Pack] = []
    while begin < stop:
        constant = _is_constant_word(is_constant, begin - packs[0].first, begin)
        end = begin
        while end < stop and _is_constant_word(is_constant, end - packs[0].first, end) == constant:
            end = min(stop, (end // WORD + 1) * WORD)
        chosen = slice(begin - packs[0].first, end - packs[0].first)
        place = Place(packs[0].source.buffer, source + chosen.start, source + chosen.stop)
        cut = Cut(threshold[chosen], flip[chosen])
        result.append(evolve(packs[0], source=place, cut=cut, first=begin, constant=constant))
        begin = end
    return result


def _is_constant_word(is_constant: np.ndarray, index: int, bit: int) -> bool:
    """Whether all channels of the word that `bit` lies in are constant, from `index` on."""
    return bool(is_constant[index : index + WORD - bit % WORD].all())


def _without(step: Step, dropped: set[int]) -> Step:
    """Return a step without the comparisons that others make."""
    if not isinstance(step, BinaryConv):
        return step
    floats = tuple(
        evolve(part, packs=tuple(pack for pack in part.packs if id(pack) not in dropped))
        for part in step.floats
    )
    return evolve(step, floats=floats)
