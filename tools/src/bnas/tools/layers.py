"""The layers of a network that are not 1 bit: what makes it "not fully binary"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bnas.tools.tables import print_table
from bnas.tools.units import count

if TYPE_CHECKING:
    from bnas.cells import CostReport


def real_layers(report: CostReport) -> list[dict[str, Any]]:
    """Return the layers that are not 1 bit, as JSON knows them.

    References:
        Supplement of ECCV 2020 BNAS, Section 6.
    """
    names = ("name", "kind", "cell", "role", "params", "macs")
    return [{name: getattr(layer, name) for name in names} for layer in report.real_layers]


def print_real_layers(report: CostReport) -> None:
    """Print the layers that are not 1 bit, and their share of the work."""
    rows = [
        (layer.name, layer.kind, layer.role, count(layer.params), count(layer.macs))
        for layer in report.real_layers
    ]
    total = (
        "together",
        "",
        "",
        count(sum(layer.params for layer in report.real_layers)),
        count(sum(layer.macs for layer in report.real_layers)),
    )
    print_table(
        "Layers that are not 1 bit",
        ("layer", "kind", "role", "parameters", "MACs"),
        [*rows, total],
        numbers="parameters MACs",
    )
