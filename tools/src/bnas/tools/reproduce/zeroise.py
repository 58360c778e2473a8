"""Table 3: BNAS-A with and without Zeroise: accuracy, cost, speed and quantisation error."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from bnas.tools.reproduce.checks import Check, told, verdict_of
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.published import TABLE_3_TOP1
from bnas.tools.reproduce.section import Section, Table
from bnas.tools.reproduce.trainings import Trained, images_of, trained
from bnas.tools.reproduce.words import outcome_of, range_of, reduced_words
from bnas.tools.reproduce.zeroise_costs import zeroise_costs

if TYPE_CHECKING:
    from bnas.search import QuantizationError, TrialResult

#: Seed -> what was found of its training.
Errors = dict[int, "QuantizationError"]
WITH, WITHOUT = "A", "A-no-zeroise"
_CLAIM = (
    "Section 3.2, Table 3: with Zeroise layers BNAS-A is more accurate than without "
    f"({TABLE_3_TOP1['with']:.2f} against {TABLE_3_TOP1['without']:.2f} % on CIFAR-10), saves more "
    "memory and is faster; Section 1: Zeroise layers reduce the "
    "quantisation error."
)
_ERROR = (
    "The quantisation error of a trained network: of every binary convolution the relative "
    "distance |Y - B| / |Y| of its output B from what the latent weights make of the real "
    "activations, Y, and the share of positions at which zeros would be nearer to Y than B is; of "
    "every cell the relative distance of its output from that of the same cell with real operands, "
    "for the same input; and the cosine between what the last cell puts out and what it does in a "
    "network of real operands throughout (`bnas.search.quantization_error`)."
)
_CELL = (
    "Without Zeroise means the cell that was searched with zeroise_gamma = 3, which has none: the "
    "paper's cell of that ablation is not published, and its cost in the table fits this one."
)


def table3(context: Context) -> Section:
    """Train BNAS-A with and without Zeroise, and compare accuracy, cost, speed and errors."""
    networks = trained(context, (WITH, WITHOUT))
    errors = {network.subject.key: _errors(context, network) for network in networks}
    costs = zeroise_costs(context)
    checks = [*judge_costs(costs), *judge(networks, errors)]
    ends = f"With Zeroise BNAS-A {outcome_of(networks[0])}, without it {outcome_of(networks[1])}."
    return Section(
        target="table3",
        title="Table 3: Zeroise",
        claim=_CLAIM,
        verdict=verdict_of(checks),
        finding=f"{told(checks)} {ends} {reduced_words(context)}".strip(),
        parts=(
            costs,
            _CELL,
            accuracy_table(networks),
            _ERROR,
            error_table(networks, errors),
            layers_table(networks, errors),
        ),
    )


def judge_costs(costs: Table) -> list[Check]:
    """Return the statements on memory and speed, and whether they hold.

    Args:
        costs: As of `zeroise_costs`.
    """
    rows = [dict(zip(costs.columns, row, strict=True)) for row in costs.rows]
    with_it, without = (
        next(row for row in rows if which in row["network"]) for which in (" with ", " without ")
    )
    columns = {
        "saves more memory, by both rules": ("memory saving", "memory saving, deployed"),
        "is counted faster, by both rules": ("speed-up, counted", "speed-up, counted, deployed"),
        "is measured faster": ("speed-up over it, measured",),
    }
    return [
        Check(
            f"with Zeroise the network {what}",
            all(
                with_it[name] is not None
                and without[name] is not None
                and with_it[name] > without[name]
                for name in names
            ),
        )
        for what, names in columns.items()
    ]


def judge(networks: Sequence[Trained], errors: dict[str, Errors]) -> list[Check]:
    """Return the statements on accuracy and quantisation error, and whether they hold.

    Args:
        networks: With Zeroise, and without.
        errors: Key of the network -> its trainings that finished.
    """
    base, ablated = networks
    cells = {key: [_cell_error(each) for each in found.values()] for key, found in errors.items()}
    ranges = f"{range_of(cells[WITH])} with, {range_of(cells[WITHOUT])} without"
    lower = all(cells.values()) and max(cells[WITH]) < min(cells[WITHOUT])
    return [
        Check("every training with Zeroise ends above those without", base.is_above(ablated)),
        Check(f"the mean quantisation error of its cells is lower ({ranges})", lower),
    ]


def accuracy_table(networks: Sequence[Trained]) -> Table:
    """Return the accuracy of every training."""
    rows = tuple(
        (network.subject.title, seed, result.outcome, top1, _last_train(result))
        for network in networks
        for seed, result, top1 in zip(
            network.seeds, network.results, network.test_top1, strict=True
        )
    )
    columns = ("network", "seed", "outcome", "test %", "last train %")
    caption = "Top-1 of every training; on test images with real parameters rounded to float16."
    return Table("table3_accuracy", columns, rows, caption)


def error_table(networks: Sequence[Trained], errors: dict[str, Errors]) -> Table:
    """Return the quantisation error of every training that finished."""
    rows = tuple(
        (
            network.subject.title,
            seed,
            len(found.layers),
            fmean(layer.relative_error for layer in found.layers),
            100 * found.zeros_nearer,
            100 * found.layers_where_zeros_are_nearer,
            _cell_error(found),
            found.cells[-1].accumulated_cosine,
        )
        for network in networks
        for seed, found in errors[network.subject.key].items()
    )
    columns = (
        "network", "seed", "binary convolutions", "error of a convolution",
        "positions where zeros are nearer %", "convolutions where zeros are nearer %",
        "error of a cell", "cosine at the last cell",
    )  # fmt: skip
    caption = "Means over the binary convolutions and over the cells of a network."
    return Table("table3_quantization", columns, rows, caption)


def layers_table(networks: Sequence[Trained], errors: dict[str, Errors]) -> Table:
    """Return the error of every convolution."""
    rows = tuple(
        (
            network.subject.title,
            seed,
            layer.layer,
            layer.relative_error,
            layer.cosine,
            layer.zeros_nearer,
        )
        for network in networks
        for seed, found in errors[network.subject.key].items()
        for layer in found.layers
    )
    columns = ("network", "seed", "layer", "error", "cosine", "share where zeros are nearer")
    return Table("table3_layers", columns, rows, "The error of every convolution.", on_page=False)


def _cell_error(found: QuantizationError) -> float:
    return fmean(cell.relative_error for cell in found.cells if cell.cell.startswith("cell_"))


def _last_train(result: TrialResult) -> float | None:
    return result.history[-1].train_top1 if result.history else None


def _errors(context: Context, network: Trained) -> Errors:
    """Measure the quantisation error of every training that finished, on the test images."""
    from bnas import search

    data = images_of(context)
    found = {}
    for seed, result in zip(network.seeds, network.results, strict=True):
        if result.final_path is None:
            continue
        context.tell(f"measuring the quantisation error of {result.name}")
        module = search.load_network(result.final_path)
        side = result.history[-1].side
        found[seed] = search.quantization_error(module, data.holdout, data.normalization, side=side)
    return found
