"""Checks of the fields that specifications of stacked cells share."""

from __future__ import annotations

from typing import Any

import attrs

from bnas.cells.errors import SpecError
from bnas.cells.genotype import Genotype
from bnas.cells.primitives import primitive


def is_genotype(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no `Genotype`, as an attrs validator."""
    if not isinstance(value, Genotype):
        raise SpecError(
            f"`{attribute.name}` must be a Genotype (got {type(value).__name__})",
            field=attribute.name,
            value=value,
        )


def check_channels(channels: int, genotype: Genotype, template: str) -> None:
    """Refuse channels that the stem cannot halve or grouped convolutions cannot divide.

    Args:
        channels: Of a node in the first cell.
        genotype: Wiring of the cells.
        template: ``"cifar"`` or ``"imagenet"``.

    Raises:
        SpecError: They are odd in the imagenet template, or no multiple of the groups.
    """
    if template == "imagenet" and channels % 2:
        raise SpecError(
            "`channels` must be even in the imagenet template, whose stem halves it "
            f"(got channels={channels})",
            field="channels",
            value=channels,
        )
    for name, _ in genotype.normal + genotype.reduce:
        groups = primitive(name).groups
        if channels % groups:
            raise SpecError(
                f"`channels` must be a multiple of {groups} with {name}, a convolution of {groups} "
                f"groups (got channels={channels})",
                field="channels",
                value=channels,
            )
