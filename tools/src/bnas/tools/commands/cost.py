"""`bnas-tools cost`: parameters, multiply-accumulates and bytes of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bnas.tools import known_names
from bnas.tools.document import print_document
from bnas.tools.layers import print_real_layers
from bnas.tools.options import ModelName, json_option
from bnas.tools.specifications import read_spec
from bnas.tools.tables import print_facts
from bnas.tools.units import count, megabytes, times

if TYPE_CHECKING:
    from bnas.cells import CostReport
    from bnas.cells.cost import Rule


@click.command(short_help="Count parameters, MACs, FLOPs and bytes of a network.")
@click.argument(
    "network",
    type=ModelName(known_names.baselines, known_names.float_twins),
    metavar="NAME_OR_SPEC.JSON",
)
@click.option(
    "--rule",
    type=click.Choice(["paper", "deployed"]),
    default="paper",
    show_default=True,
    help="How to count: as the paper's tables do, or what is really stored and run.",
)
@click.option(
    "--input-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Side of the images in pixels.  [default: 32 (CIFAR-10) or 224 (ImageNet)]",
)
@json_option
def cost(network: str, rule: Rule, input_size: int | None, as_json: bool) -> None:
    """Count parameters, MACs and bytes of a network for one image.

    The rule decides FLOPs, memory, saving and speed-up; the plain counts above them are the same
    under both. Speed-up is a ratio of counts, not a measurement.
    """
    from bnas import cells

    report = cells.cost(read_spec(network), input_size, rule)
    if as_json:
        print_document(report.to_dict())
        return
    print_facts(f"{report.model} at {report.input_size}x{report.input_size} pixels", _facts(report))
    print_real_layers(report)


def _facts(report: CostReport) -> list[tuple[str, str]]:
    rule = f"rule: {report.rule}"
    return [
        ("parameters", count(report.params)),
        ("of them 1-bit weights", count(report.binary_params)),
        ("binary MACs", count(report.binary_macs)),
        ("real MACs", count(report.real_macs)),
        (f"FLOPs ({rule})", count(report.flops)),
        (f"memory ({rule})", megabytes(report.memory_bytes)),
        (f"memory saving ({rule})", times(report.memory_saving)),
        (f"speed-up ({rule})", times(report.speed_up)),
    ]
