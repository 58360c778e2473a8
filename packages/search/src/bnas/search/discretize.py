"""`discretize`: from architecture parameters to the genotype that they stand for."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from bnas.cells import PRIMITIVES, Genotype
from bnas.search.errors import ArchParamsError

#: Intermediate nodes of a cell; node i has an edge from each of the 2 + i states before it.
NUM_NODES = 4
NUM_EDGES = sum(2 + node for node in range(NUM_NODES))
_NONE = list(PRIMITIVES).index("none")


def discretize(
    normal: Any, reduce: Any, zeroise_gamma: float = 1.0, official_quirks: bool = False
) -> Genotype:
    """Return the genotype of architecture parameters.

    Every edge takes its most probable primitive, Zeroise competing with p / `zeroise_gamma`; every
    node keeps the two edges whose primitives are most probable, the more probable one first, ties
    to the lower index.

    Args:
        normal: Logits of the normal cell (14, 7), NumPy or torch: rows are edges, node by node and
            by input state within a node; columns are `cells.PRIMITIVES` in their order.
        reduce: Logits of the reduction cell (14, 7).
        zeroise_gamma: Above 1 for fewer Zeroise; the paper takes 1 on CIFAR-10, 3 on ImageNet.
        official_quirks: Divide the first edge's row by `zeroise_gamma` instead of the Zeroise
            column, as the authors' code does.

    Raises:
        ArchParamsError: Another shape, values that are not finite, or `zeroise_gamma` <= 0.

    References:
        ECCV 2020 BNAS, Section 4.2 and Equation 5.
    """
    is_number = isinstance(zeroise_gamma, Real) and not isinstance(zeroise_gamma, bool)
    if not is_number or not 0 < zeroise_gamma < math.inf:
        raise ArchParamsError(
            f"`zeroise_gamma` must be a finite number > 0 (got {zeroise_gamma!r})"
        )
    edges = []
    for name, logits in (("normal", normal), ("reduce", reduce)):
        scores = _probabilities(name, logits)
        if official_quirks:
            scores[0] = [score / zeroise_gamma for score in scores[0]]
        else:
            for row in scores:
                row[_NONE] /= zeroise_gamma
        edges.append(_edges(scores))
    return Genotype(normal=edges[0], reduce=edges[1])


def mean_entropy(normal: Any, reduce: Any, official_quirks: bool = False) -> float:
    """Return the mean entropy, in nats, of the primitives' probabilities over all 28 edges.

    Args:
        normal: Logits of the normal cell (14, 7), NumPy or torch; see `discretize`.
        reduce: Logits of the reduction cell (14, 7).
        official_quirks: Count the last reduction edge 14 times and no other, as the authors' code
            does.

    Raises:
        ArchParamsError: Another shape, or values that are not finite.

    References:
        ECCV 2020 BNAS, Section 4.3: the diversity regulariser.
    """
    normal_nats = [_entropy(row) for row in _probabilities("normal", normal)]
    reduce_nats = [_entropy(row) for row in _probabilities("reduce", reduce)]
    if official_quirks:
        reduce_nats = reduce_nats[-1:] * NUM_EDGES
    return math.fsum(normal_nats + reduce_nats) / (2 * NUM_EDGES)


def _probabilities(name: str, logits: Any) -> list[list[float]]:
    """Return softmax over the primitives, 14 rows of 7.

    Sums are exact (`math.fsum`), so that rows with the same logits in another order tie exactly.
    """
    probabilities = []
    for edge, row in enumerate(_rows(name, logits)):
        for column, logit in enumerate(row):
            if not math.isfinite(logit):
                raise ArchParamsError(
                    f"`{name}` must be finite (got {logit} at [{edge}, {column}])"
                )
        masses = [math.exp(logit - max(row)) for logit in row]
        total = math.fsum(masses)
        probabilities.append([mass / total for mass in masses])
    return probabilities


def _rows(name: str, logits: Any) -> list[list[float]]:
    allowed = (NUM_EDGES, len(PRIMITIVES))
    nested = logits.tolist() if hasattr(logits, "tolist") else logits
    try:
        rows = [[float(logit) for logit in row] for row in nested]
    except (TypeError, ValueError) as error:
        raise ArchParamsError(f"`{name}` must be numbers of shape {allowed} ({error})") from error
    lengths = {len(row) for row in rows}
    if len(rows) != allowed[0] or lengths != {allowed[1]}:
        got = tuple(getattr(logits, "shape", (len(rows), *sorted(lengths))))
        raise ArchParamsError(f"`{name}` must have shape {allowed}: edges, primitives (got {got})")
    return rows


def _entropy(probabilities: list[float]) -> float:
    return -math.fsum(p * math.log(p) for p in probabilities if p > 0)


def _edges(scores: list[list[float]]) -> list[tuple[str, int]]:
    names = list(PRIMITIVES)
    chosen, start = [], 0
    for node in range(NUM_NODES):
        incoming = scores[start : start + 2 + node]
        # sorted() is stable: equal edges stay in the order of their input states.
        ranked = sorted(range(len(incoming)), key=lambda state: -max(incoming[state]))
        for state in ranked[:2]:
            chosen.append((names[incoming[state].index(max(incoming[state]))], state))
        start += 2 + node
    return chosen
