"""What Zeroise saves: the counted and the timed half of the supplement's Table 3."""

from __future__ import annotations

from typing import Any

from bnas import cells
from bnas.cells.layer_cost import FLOAT_BITS
from bnas.tools.reproduce import published
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.savings import COUNTED, FLOPS_UNIT, MEASURED, Counted, beside, measured
from bnas.tools.reproduce.section import Table
from bnas.tools.reproduce.speed import CONDITIONS, measure_float, measure_speed

_BITS_PER_BYTE = 8


def with_and_without() -> dict[str, cells.NetworkSpec]:
    """Return BNAS-A with Zeroise and without: of the same configuration, other cells."""
    spec = cells.spec("BNAS-A")
    without = cells.changed(spec, genotype=cells.genotypes["bnas-imagenet"])
    return {"without": without, "with": spec}


def zeroise_costs(context: Context) -> Table:
    """Return what BNAS-A costs with Zeroise and without, beside the supplement's Table 3.

    Both are compared with the float network without Zeroise, as the supplement does: nobody would
    put Zeroise into a float network.

    Args:
        context: Of the reproduction.
    """
    specs = with_and_without()
    rival = measure_float(context, "BNAS-A without Zeroise, in float", specs["without"])
    rows = []
    for which, spec in specs.items():
        label = f"BNAS-A {which} Zeroise"
        by_paper = Counted.of(cells.cost(spec, rule="paper"))
        speed = measure_speed(context, label, spec)
        rows.append(
            (
                label,
                *beside(by_paper, Counted.of(published.TABLE_3[which])),
                *deployed_against(spec, specs["without"]).values,
                *measured(speed, rival),
                speed.speed_up(speed.fastest),
            )
        )
    return Table("table3_costs", _columns(), tuple(rows), _CAPTION)


def deployed_against(spec: cells.Spec, counterpart: cells.Spec) -> Counted:
    """Return what is stored and run of a network, against another network in float32.

    Args:
        spec: The network.
        counterpart: The network that is float, all of its layers.
    """
    ours = cells.cost(spec, rule="deployed")
    layers = cells.cost(counterpart).layers
    float_bytes = sum(layer.params for layer in layers) * FLOAT_BITS / _BITS_PER_BYTE
    float_macs = sum(layer.macs for layer in layers)
    return Counted(
        ours.flops / FLOPS_UNIT, float_bytes / ours.memory_bytes, float_macs / ours.flops
    )


def _columns() -> tuple[str, ...]:
    counted: tuple[Any, ...] = tuple(
        f"{name}{end}" for name in COUNTED for end in ("", ", published", ", off by %")
    )
    deployed = tuple(f"{name}, deployed" for name in COUNTED)
    return ("network", *counted, *deployed, *MEASURED, "speed-up over itself in float, measured")


_CAPTION = (
    "BNAS-A with and without Zeroise, the published cells of γ = 1 and γ = 3 in one configuration: "
    "counted by the paper's rule beside the published values, by the rule `deployed`, and measured "
    f"({CONDITIONS}). All but the last column compare with the network without Zeroise in float32, "
    "timed by itself: the times of torch and onnxruntime are its own."
)
