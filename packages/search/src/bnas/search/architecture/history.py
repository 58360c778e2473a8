"""What a search measured, one record an epoch."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from typing import Any

import attrs
from attrs import frozen

from bnas.cells import Genotype


@frozen(kw_only=True)
class SearchEpoch:
    """Measurements of one epoch, and the architecture after it.

    Attributes:
        epoch: From 0.
        learning_rate: Of the weights.
        loss: Mean cross entropy over the weights' half, as its batches were met.
        top1: Percent right of the weights' half, likewise.
        arch_loss: Mean cross entropy over the architecture's half, before each of its steps.
        arch_top1: Percent right of the architecture's half, likewise.
        entropy: Mean over the 28 edges, in nats, after the epoch.
        entropy_coefficient: lambda * exp(-epoch / tau): how much the regulariser counted.
        strongest: Primitive -> share of the 28 edges on which it is the most probable.
        mean_probability: Primitive -> mean probability over the 28 edges.
        zeroise_edges: Number of the 28 edges on which Zeroise is the most probable.
        normal: Logits of the normal cell, (14, P).
        reduce: Logits of the reduction cell, (14, P).
        genotypes: zeroise_gamma as text -> `Genotype.to_dict()`.
        warnings: What looks like a collapse.
        images_per_s: Images of both halves together, in the process that finished the epoch.
        seconds: Wall time of the epoch, in all processes one after the other.
    """

    epoch: int
    learning_rate: float
    loss: float
    top1: float
    arch_loss: float
    arch_top1: float
    entropy: float
    entropy_coefficient: float
    strongest: dict[str, float]
    mean_probability: dict[str, float]
    zeroise_edges: int
    normal: list[list[float]]
    reduce: list[list[float]]
    genotypes: dict[str, dict[str, Any]]
    warnings: list[str]
    images_per_s: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, ready for JSON."""
        return attrs.asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> SearchEpoch:
        """Build a record from what `to_dict` returns."""
        return cls(**record)

    def genotype(self, gamma: int) -> Genotype:
        """Return the genotype derived with a zeroise_gamma of 1 or 3."""
        return Genotype.from_dict(self.genotypes[str(gamma)])

    @property
    def largest_entropy(self) -> float:
        """Entropy of edges that have not chosen at all, in nats."""
        return math.log(len(self.strongest))


def to_json_lines(history: Iterable[SearchEpoch]) -> str:
    """Return one line of JSON an epoch."""
    return "".join(json.dumps(record.to_dict(), allow_nan=False) + "\n" for record in history)


def search_csv(history: Iterable[SearchEpoch]) -> str:
    """Return the numbers of the records as CSV; of the primitives, the share of each."""
    rows = [_row(record) for record in history]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(record: SearchEpoch) -> dict[str, Any]:
    plain = {
        name: value for name, value in record.to_dict().items() if isinstance(value, int | float)
    }
    strongest = {f"strongest_{name}": share for name, share in record.strongest.items()}
    means = {f"mean_{name}": share for name, share in record.mean_probability.items()}
    return {**plain, **strongest, **means}
