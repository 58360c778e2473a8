"""What architecture parameters stand for: genotypes, shares of primitives, warnings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from bnas.cells import PRIMITIVES, Genotype
from bnas.search.discretize import discretize, mean_entropy

#: zeroise_gamma of the derived genotypes: the paper's for CIFAR-10 and for ImageNet.
GAMMAS = (1, 3)
#: Logits of a primitive that is not in the space: exp(-1000) is exactly 0.
_ABSENT = 1000.0
#: Share of edges from which one primitive is said to have taken over.
DOMINANT_SHARE = 0.9
#: Share of the largest entropy below which little is left to choose.
LOW_ENTROPY_SHARE = 0.1

Logits = Sequence[Sequence[float]]


@frozen
class Derivation:
    """What architecture parameters say at a moment.

    Attributes:
        genotypes: zeroise_gamma -> genotype.
        entropy: Mean over the 28 edges, in nats; the largest is ln(number of primitives).
        strongest: Primitive -> share of the 28 edges on which it is the most probable.
        mean_probability: Primitive -> mean probability over the 28 edges.
        zeroise_edges: Number of the 28 edges on which Zeroise is the most probable.
    """

    genotypes: Mapping[int, Genotype]
    entropy: float
    strongest: Mapping[str, float]
    mean_probability: Mapping[str, float]
    zeroise_edges: int


def derive(
    normal: Logits, reduce: Logits, primitives: Sequence[str], official_quirks: bool = False
) -> Derivation:
    """Return what the architecture parameters of a space say.

    Args:
        normal: Logits of the normal cell, (14, P).
        reduce: Logits of the reduction cell, (14, P).
        primitives: Names of the P columns.
        official_quirks: Derive and measure with the slips of the authors' code.

    Raises:
        ArchParamsError: Another number of edges, or values that are not finite.
    """
    whole = (_whole(normal, primitives), _whole(reduce, primitives))
    rows = [softmax(row) for logits in (normal, reduce) for row in logits]
    best = [primitives[row.index(max(row))] for row in rows]
    return Derivation(
        genotypes={gamma: discretize(*whole, gamma, official_quirks) for gamma in GAMMAS},
        entropy=mean_entropy(*whole, official_quirks),
        strongest={name: best.count(name) / len(best) for name in primitives},
        mean_probability={
            name: math.fsum(row[column] for row in rows) / len(rows)
            for column, name in enumerate(primitives)
        },
        zeroise_edges=best.count("none"),
    )


def warnings_of(found: Derivation, epoch: int, epochs: int) -> list[str]:
    """Return what looks like a collapse, one sentence each.

    Args:
        found: After an epoch.
        epoch: That epoch, from 0.
        epochs: Of the whole search.
    """
    warnings = []
    for gamma, genotype in found.genotypes.items():
        for kind in ("normal", "reduction"):
            if all(name == "none" for name, _ in genotype.cell(kind == "reduction")):
                warnings.append(
                    f"all edges of the {kind} cell are Zeroise (zeroise_gamma {gamma}): "
                    "a larger zeroise_gamma or entropy_weight keeps more layers"
                )
    for name, share in found.strongest.items():
        if share >= DOMINANT_SHARE:
            warnings.append(f"{name} is the strongest primitive of {share:.0%} of the edges")
    largest = math.log(len(found.strongest))
    if epoch + 1 < epochs / 2 and found.entropy < LOW_ENTROPY_SHARE * largest:
        warnings.append(
            f"entropy is {found.entropy:.3f} of {largest:.3f} nats before half of the epochs: the "
            "cells are decided early; a larger entropy_weight keeps them open"
        )
    return warnings


def _whole(logits: Logits, primitives: Sequence[str]) -> list[list[float]]:
    """Return logits (14, 7) of all primitives, those that are not in the space out of reach."""
    columns = {name: column for column, name in enumerate(primitives)}
    return [
        [row[columns[name]] if name in columns else min(row) - _ABSENT for name in PRIMITIVES]
        for row in logits
    ]


def softmax(row: Sequence[float]) -> list[float]:
    """Return the probabilities of logits; their sum is exact."""
    masses = [math.exp(logit - max(row)) for logit in row]
    total = math.fsum(masses)
    return [mass / total for mass in masses]
