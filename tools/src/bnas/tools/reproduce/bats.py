"""Section 5: two readings of BATS, binary throughout and with real downsampling layers."""

from __future__ import annotations

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.published import BATS_FLOPS_RATIO
from bnas.tools.reproduce.section import Section, Table, Verdict
from bnas.tools.reproduce.subjects import SUBJECTS
from bnas.tools.reproduce.trainings import Trained, trained
from bnas.tools.reproduce.words import outcome_of, reduced_words

BINARY, REAL = "BATS", "BATS-real"
#: The specifications, which are counted at the size of ImageNet too.
_MODELS = {BINARY: "BATS-style", REAL: "BATS-style-real"}
#: A ratio that is "roughly" another is no larger and no smaller than by this factor.
_ROUGHLY = 1.5
_CLAIM = (
    "Section 5: trained as its preprint says, the searched architecture of BATS did not reach the "
    "reported accuracy on ImageNet; it did when layers that downsample channels or resolution were "
    f"left real, at roughly {BATS_FLOPS_RATIO:g} times the reported FLOPs."
)
_NOT_THE_CELL = (
    "BATS's found cell is not published in a form that could be used here: `bats-style` is a cell "
    "of its search space that we chose, stacked as DARTS's template does. So the accuracy on "
    "ImageNet is not compared; the two readings are, with each other."
)


def bats(context: Context) -> Section:
    """Count, and train small, both readings of BATS."""
    binary, real = trained(context, (BINARY, REAL))
    costs = context.once("bats costs", lambda: costs_table(context))
    ratios = {row[0]: row[-1] for row in costs.rows if row[1] == _MODELS[REAL]}
    verdict, finding = judge(ratios, (binary, real))
    return Section(
        target="bats",
        title="Section 5: BATS, binary throughout or not",
        claim=_CLAIM,
        verdict=verdict,
        finding=f"{finding} {reduced_words(context)}".strip(),
        parts=(costs, _NOT_THE_CELL),
    )


def judge(ratios: dict[str, float], networks: tuple[Trained, Trained]) -> tuple[Verdict, str]:
    """Return the verdict on the ratio of FLOPs, and what the trainings show.

    Args:
        ratios: Size of the network -> FLOPs with real downsampling over those without.
        networks: Binary throughout, and with real downsampling, trained.
    """
    told = "; ".join(f"{size} {ratio:.2f}" for size, ratio in ratios.items())
    binary, real = networks
    finding = (
        f"Left real, the layers that downsample make the network cost so many times the FLOPs, by "
        f"the rule `deployed`: {told}. {binary.subject.title} {outcome_of(binary)}, with real "
        f"downsampling it {outcome_of(real)}."
    )
    ratio = next(value for size, value in ratios.items() if size.startswith("ImageNet"))
    near = BATS_FLOPS_RATIO / _ROUGHLY <= ratio <= _ROUGHLY * BATS_FLOPS_RATIO
    better = None not in (binary.mean_top1, real.mean_top1) and real.mean_top1 > binary.mean_top1  # type: ignore[operator]
    if near and better:
        return "reproduced", finding
    return ("in part" if near or better else "not reproduced"), finding


def costs_table(context: Context) -> Table:
    """Return what both readings cost: at CIFAR-10's size, at ImageNet's, and as trained here."""
    from bnas import cells

    # As DARTS stacks its cells for ImageNet: 14 of them, of 48 channels.
    large = {"template": "imagenet", "num_classes": 1000, "num_cells": 14, "channels": 48}
    sizes = {
        ("CIFAR-10", 32): {key: SUBJECTS[key].spec() for key in _MODELS},
        ("ImageNet", 224): {
            key: cells.changed(cells.spec(model), **large) for key, model in _MODELS.items()
        },
    }
    if context.scale.is_reduced:
        small = {key: SUBJECTS[key].spec(context.scale) for key in _MODELS}
        sizes["as trained here", context.scale.side] = small
    rows = []
    for (name, side), specs in sizes.items():
        size = f"{name}, {side}x{side}"
        base = cells.cost(specs[BINARY], side, rule="deployed").flops
        for key, spec in specs.items():
            deployed = cells.cost(spec, side, rule="deployed")
            counts = (deployed.params, deployed.binary_macs, deployed.real_macs, deployed.flops)
            rows.append((size, _MODELS[key], *counts, deployed.flops / base))
    columns = ("size", "network", "params", "binary MACs", "real MACs", "FLOPs", "times the FLOPs")
    caption = "Cost of both readings, rule `deployed`; stem and classifier are real in both."
    return Table("bats", columns, tuple(rows), caption)
