"""The nine published networks, BNAS-Mini and BNAS-A to H.

References:
    Supplement of ECCV 2020 BNAS, Table 1.
"""

from __future__ import annotations

import attrs

from bnas.cells.errors import UnknownNameError
from bnas.cells.genotype import genotypes
from bnas.cells.spec import NetworkSpec

# name: (genotype, template, cells, channels, classes)
_TABLE_1 = {
    "BNAS-Mini": ("bnas-cifar10", "cifar", 10, 24, 10),
    "BNAS-A": ("bnas-cifar10", "cifar", 20, 36, 10),
    "BNAS-B": ("bnas-cifar10", "cifar", 12, 64, 10),
    "BNAS-C": ("bnas-cifar10", "cifar", 16, 108, 10),
    "BNAS-D": ("bnas-imagenet", "imagenet", 12, 64, 1000),
    "BNAS-E": ("bnas-imagenet", "imagenet", 12, 68, 1000),
    "BNAS-F": ("bnas-imagenet", "imagenet", 15, 68, 1000),
    "BNAS-G": ("bnas-imagenet", "imagenet", 11, 74, 1000),
    "BNAS-H": ("bnas-imagenet", "imagenet", 16, 128, 1000),
}
SPECS: dict[str, NetworkSpec] = {
    name: NetworkSpec(
        genotype=genotypes[genotype],
        template=template,
        num_cells=num_cells,
        channels=channels,
        num_classes=num_classes,
    )
    for name, (genotype, template, num_cells, channels, num_classes) in _TABLE_1.items()
}


def list_specs() -> tuple[str, ...]:
    """Return the names that `spec` knows."""
    return tuple(SPECS)


def spec(name: str, **changes: object) -> NetworkSpec:
    """Return the specification of a published network.

    Args:
        name: One of `list_specs()`, such as ``"BNAS-A"``; upper or lower case.
        changes: Fields of `NetworkSpec` to replace, such as ``num_classes=200``.

    Raises:
        UnknownNameError: No network has this name, or no field; the nearest names are listed.
        SpecError: A changed field is outside its range.
    """
    by_folded_name = {known.lower(): known for known in SPECS}
    known = by_folded_name.get(str(name).lower())
    if known is None:
        raise UnknownNameError("model", name, SPECS)
    unknown = sorted(set(changes) - {item.name for item in attrs.fields(NetworkSpec)})
    if unknown:
        raise UnknownNameError(
            "field", unknown[0], [item.name for item in attrs.fields(NetworkSpec)]
        )
    return attrs.evolve(SPECS[known], **changes)  # type: ignore[arg-type]
