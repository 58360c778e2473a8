"""Table 3: BNAS-A with and without Zeroise: accuracy, cost, speed and quantisation error."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.published import TABLE_3_TOP1
from bnas.tools.reproduce.section import Section, Table, Verdict
from bnas.tools.reproduce.trainings import Trained, images_of, trained
from bnas.tools.reproduce.words import outcome_of, reduced_words
from bnas.tools.reproduce.zeroise_costs import zeroise_costs

if TYPE_CHECKING:
    from bnas.search import QuantizationError

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
    verdict, finding = judge(networks, errors)
    return Section(
        target="table3",
        title="Table 3: Zeroise",
        claim=_CLAIM,
        verdict=verdict,
        finding=f"{finding} {reduced_words(context)}".strip(),
        parts=(
            zeroise_costs(context),
            _CELL,
            accuracy_table(networks),
            _ERROR,
            error_table(networks, errors),
            layers_table(networks, errors),
        ),
    )


def judge(
    networks: Sequence[Trained], errors: dict[str, list[QuantizationError]]
) -> tuple[Verdict, str]:
    """Return the verdict on accuracy and quantisation error, and what it rests on.

    Args:
        networks: With Zeroise, and without.
        errors: Key of the network -> one a training that finished.
    """
    base, ablated = networks
    better = base.mean_top1 is not None and (
        ablated.mean_top1 is None or base.mean_top1 > ablated.mean_top1
    )
    finding = (
        f"With Zeroise the network {outcome_of(base)}, without it {outcome_of(ablated)}: it is "
        f"{'' if better else 'not '}more accurate with Zeroise."
    )
    cells = {key: [_cell_error(each) for each in found] for key, found in errors.items()}
    if not all(cells.values()):
        return "in part" if better else "not reproduced", finding
    means = {key: fmean(found) for key, found in cells.items()}
    smaller = means[WITH] < means[WITHOUT]
    finding += (
        f" The mean quantisation error of its cells is {means[WITH]:.3f} with and "
        f"{means[WITHOUT]:.3f} without: Zeroise {'lowers' if smaller else 'does not lower'} it."
    )
    if better and smaller:
        return "reproduced", finding
    return ("in part" if better or smaller else "not reproduced"), finding


def accuracy_table(networks: Sequence[Trained]) -> Table:
    """Return the accuracy of every training."""
    rows = tuple(
        (network.subject.title, seed, result.outcome, top1, _last_train(network, seed))
        for network in networks
        for seed, (result, top1) in enumerate(zip(network.results, network.test_top1, strict=True))
    )
    columns = ("network", "seed", "outcome", "test %", "last train %")
    return Table("table3_accuracy", columns, rows, "Top-1 of every training.")


def error_table(networks: Sequence[Trained], errors: dict[str, list[QuantizationError]]) -> Table:
    """Return the quantisation error of every training that finished."""
    rows = tuple(
        (
            network.subject.title,
            number,
            len(found.layers),
            fmean(layer.relative_error for layer in found.layers),
            100 * found.zeros_nearer,
            100 * found.layers_where_zeros_are_nearer,
            _cell_error(found),
            found.cells[-1].accumulated_cosine,
        )
        for network in networks
        for number, found in enumerate(errors[network.subject.key])
    )
    columns = (
        "network", "training", "binary convolutions", "error of a convolution",
        "positions where zeros are nearer %", "convolutions where zeros are nearer %",
        "error of a cell", "cosine at the last cell",
    )  # fmt: skip
    caption = "Means over the binary convolutions and over the cells of a network."
    return Table("table3_quantization", columns, rows, caption)


def layers_table(networks: Sequence[Trained], errors: dict[str, list[QuantizationError]]) -> Table:
    """Return the error of every convolution."""
    rows = tuple(
        (
            network.subject.title,
            number,
            layer.layer,
            layer.relative_error,
            layer.cosine,
            layer.zeros_nearer,
        )
        for network in networks
        for number, found in enumerate(errors[network.subject.key])
        for layer in found.layers
    )
    columns = ("network", "training", "layer", "error", "cosine", "share where zeros are nearer")
    return Table("table3_layers", columns, rows, "The error of every convolution.", on_page=False)


def _cell_error(found: QuantizationError) -> float:
    return fmean(cell.relative_error for cell in found.cells if cell.cell.startswith("cell_"))


def _last_train(network: Trained, seed: int) -> float | None:
    history = network.histories[seed]
    return history[-1].train_top1 if history else None


def _errors(context: Context, network: Trained) -> list[QuantizationError]:
    """Measure the quantisation error of every training that finished, on the test images."""
    from bnas import search

    data = images_of(context)
    found = []
    for result in network.results:
        if result.final_path is None:
            continue
        context.tell(f"measuring the quantisation error of {result.name}")
        trained_network = search.load_network(result.final_path)
        side = result.history[-1].side
        found.append(
            search.quantization_error(trained_network, data.holdout, data.normalization, side=side)
        )
    return found
