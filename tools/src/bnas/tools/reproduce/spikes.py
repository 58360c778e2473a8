"""How uneven the gradients of a network's convolutions are: over layers, and over epochs."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from bnas.cells import Graph, nodes

if TYPE_CHECKING:
    from bnas.search import GradientHistory

#: A convolution of a cell; what is in brackets is its place there.
_OF_CELL = re.compile(r"cells\.\d+\.(.+)")


def kinds_of(graph: Graph) -> dict[str, Hashable]:
    """Return of every binary convolution of a cell what makes it like another, of another cell.

    Its place in the cell, kernel and stride; channels apart, which double with every reduction.
    """
    return {
        node.name: (found[1], node.kernel, node.stride)
        for node in graph
        if isinstance(node, nodes.BinaryConv) and (found := _OF_CELL.fullmatch(node.name))
    }


def jumps_of_like(history: GradientHistory, epoch: int, kinds: Mapping[str, Hashable]) -> float:
    """Return how much the sums of |gradient| jump between like convolutions of successive cells.

    The mean of |log10(g' / g)| over all pairs of one convolution and the like one of the next cell
    that has one: 0 where they are as large as each other, 1 where they differ tenfold. A sum grows
    with its number of weights, so unlike convolutions differ anyway. Convolutions without any
    gradient are passed over.

    Args:
        history: Of a training.
        epoch: From 0.
        kinds: Convolution -> what makes it like another (`kinds_of`).
    """
    like: dict[Hashable, list[float]] = {}
    for layer, value in zip(history.layers, history.at(epoch).tolist(), strict=True):
        if layer in kinds and value > 0:
            like.setdefault(kinds[layer], []).append(math.log10(value))
    return _mean([jump for logs in like.values() for jump in _jumps(logs)])


def jumps_of_neighbours(
    history: GradientHistory, epoch: int, kinds: Mapping[str, Hashable]
) -> float:
    """Return how much the sums jump from one convolution to the next in the order of the picture.

    Arguments are those of `jumps_of_like`; `kinds` says which convolutions count.
    """
    logs = [
        math.log10(value)
        for layer, value in zip(history.layers, history.at(epoch).tolist(), strict=True)
        if layer in kinds and value > 0
    ]
    return _mean(_jumps(logs))


def jumps_of_epochs(
    history: GradientHistory, epochs: Sequence[int], kinds: Mapping[str, Hashable]
) -> float | None:
    """Return how much the sums jump from one of some epochs to the next; None with fewer than two.

    Args:
        history: Of a training.
        epochs: From 0, rising; those that were not recorded are passed over.
        kinds: Which convolutions count.
    """
    shown = [history.at(epoch).tolist() for epoch in epochs if epoch in history.epochs]
    if len(shown) < 2:
        return None
    counted = [place for place, layer in enumerate(history.layers) if layer in kinds]
    return _mean(
        [
            abs(math.log10(after[place] / before[place]))
            for before, after in zip(shown, shown[1:], strict=False)
            for place in counted
            if before[place] > 0 and after[place] > 0
        ]
    )


def _jumps(logs: Sequence[float]) -> list[float]:
    return [abs(after - before) for before, after in zip(logs, logs[1:], strict=False)]


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0
