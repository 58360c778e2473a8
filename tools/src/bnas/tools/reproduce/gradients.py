"""Figure 5, Table 2 and the animation that it describes: how even gradients are over the layers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from attrs import frozen

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.learning_curves import WITH, WITHOUT
from bnas.tools.reproduce.section import Picture, Section, Table, Verdict
from bnas.tools.reproduce.trainings import Trained, trained
from bnas.tools.reproduce.words import reduced_words

if TYPE_CHECKING:
    from bnas.search import GradientHistory

ANIMATION = "comb_grads.gif"
_STILL = "fig5.png"
#: A convolution of a cell; what is in brackets is its place there.
_OF_CELL = re.compile(r"cells\.\d+\.(.+)")
_SEEDS = "thin lines are single seeds, bold ones their geometric mean"
_CLAIM = (
    "Section 3.1, Figure 5: at epoch 100 the sums of the gradients' magnitudes of the convolutions "
    "of BNAS-A, -B and -C without skips are spiky, those of BNAS-A with skips are less so."
)
_TABLE_2 = (
    "Table 2 lists the panels of the animation 'comb_grads.gif' (every 10 epochs from 100 to 600): "
    "BNAS-A with skips beside A, B and C without. Its text says that gradients without skips are "
    "unstable in early epochs, and that those of all models become small in the end."
)


@frozen
class Gradients:
    """The gradients of a network's trainings.

    Attributes:
        title: The network's.
        has_skips: Whether it has inter-cell skip connections.
        histories: One a seed; of trainings that diverged, as far as they came.
    """

    title: str
    has_skips: bool
    histories: tuple[GradientHistory, ...]


def spikiness(history: GradientHistory, epoch: int) -> float:
    """Return how much the sums of |gradient| jump from cell to cell in an epoch.

    The mean of |log10(g' / g)| over all pairs of one binary convolution and the like one, of the
    same edge, in the next cell that has it: 0 where they are as large as each other, 1 where they
    differ tenfold. Unlike convolutions are not compared: sums grow with their weights. Convolutions
    without any gradient are passed over.

    Args:
        history: Of a training of a network of cells.
        epoch: From 0.
    """
    like: dict[str, list[float]] = {}
    for layer, kind, value in zip(history.layers, history.kinds, history.at(epoch), strict=True):
        found = _OF_CELL.fullmatch(layer)
        if found and kind == "binary" and value > 0:
            like.setdefault(found[1], []).append(math.log10(value))
    jumps = [
        abs(after - before)
        for logs in like.values()
        for before, after in zip(logs, logs[1:], strict=False)
    ]
    return fmean(jumps) if jumps else 0.0


def unsteadiness(history: GradientHistory, epochs: Sequence[int]) -> float:
    """Return how much the sums of |gradient| jump from epoch to epoch.

    The mean of |log10(g' / g)| over the binary convolutions and pairs of successive epochs.

    Args:
        history: Of a training.
        epochs: From 0, rising; those that were not recorded are passed over.
    """
    shown = [history.at(epoch) for epoch in epochs if epoch in history.epochs]
    binary = [place for place, kind in enumerate(history.kinds) if kind == "binary"]
    jumps = [
        abs(math.log10(after[place] / before[place]))
        for before, after in zip(shown, shown[1:], strict=False)
        for place in binary
        if before[place] > 0 and after[place] > 0
    ]
    return fmean(jumps) if jumps else 0.0


def fig5(context: Context) -> Section:
    """Draw the gradients of every convolution at one epoch, as in the supplement's Figure 5."""
    panels = _panels(context)
    epoch = still_epoch(context)
    verdict, finding = judge_spikiness(panels, epoch)
    return Section(
        target="fig5",
        title=f"Figure 5: gradients at epoch {epoch + 1}",
        claim=_CLAIM,
        verdict=verdict,
        finding=f"{finding} {reduced_words(context)}".strip(),
        parts=(
            _draw_still(context, panels, epoch),
            _spikiness_table(panels, frames(context)),
            _sums_table(panels),
        ),
    )


def table2(context: Context) -> Section:
    """Make the animation that Table 2 describes."""
    panels = _panels(context)
    shown = frames(context)
    verdict, finding = judge_decline(panels, shown)
    rows = tuple(
        (_plot_title(panel), panel.title.partition(",")[0], "yes" if panel.has_skips else "no")
        for panel in panels
    )
    caption = (
        f"Panels of {ANIMATION}: epochs {shown[0] + 1} to {shown[-1] + 1}, {len(shown)} frames."
    )
    return Section(
        target="table2",
        title="Table 2: the animation of gradients",
        claim=_TABLE_2,
        verdict=verdict,
        finding=f"{finding} {reduced_words(context)}".strip(),
        parts=(
            Table("table2", ("plot title", "model", "skip connections"), rows, caption),
            _draw_animation(context, panels, shown),
        ),
    )


def still_epoch(context: Context) -> int:
    """Return the epoch, from 0, of the still picture."""
    return min(context.scale.first_frame, context.scale.epochs) - 1


def frames(context: Context) -> tuple[int, ...]:
    """Return the epochs, from 0, of the animation's pictures."""
    scale = context.scale
    return tuple(range(still_epoch(context), scale.epochs, scale.frame_step))


def judge_spikiness(panels: Sequence[Gradients], epoch: int) -> tuple[Verdict, str]:
    """Return the verdict on Figure 5, and what it rests on.

    Args:
        panels: With skips first.
        epoch: From 0.
    """
    found = {panel.title: _at(panel, epoch) for panel in panels}
    base, *others = panels
    told = [f"{title} {_range(values)}" for title, values in found.items()]
    finding = (
        f"Spikiness, the mean factor between the gradients of like binary convolutions of "
        f"successive cells in powers of ten, at epoch {epoch + 1}: {'; '.join(told)}."
    )
    if not all(found.values()):
        return "in part", f"{finding} A training without skips diverged before that epoch."
    most = max(found[base.title])
    spikier = [min(found[panel.title]) > most for panel in others]
    twin = min(found[others[0].title]) > most
    if all(spikier):
        return "reproduced", f"{finding} Without skips it is larger for every network and seed."
    if twin or any(spikier):
        return "in part", f"{finding} Without skips it is larger for some of the networks."
    return "not reproduced", f"{finding} Without skips it is not larger."


def judge_decline(panels: Sequence[Gradients], shown: Sequence[int]) -> tuple[Verdict, str]:
    """Return the verdict on what the animation is said to show, and what it rests on.

    Args:
        panels: With skips first.
        shown: Epochs of the pictures, from 0.
    """
    first, last = shown[0], shown[-1]
    ratios = {
        panel.title: [
            float(history.at(last).sum() / history.at(first).sum())
            for history in panel.histories
            if {first, last} <= set(history.epochs) and history.at(first).sum() > 0
        ]
        for panel in panels
    }
    told = [f"{title} {_range(values)}" for title, values in ratios.items()]
    finding = (
        f"From epoch {first + 1} to {last + 1} the sum of all gradients changes by the factor: "
        f"{'; '.join(told)}."
    )
    every = [value for values in ratios.values() for value in values]
    if every and max(every) < 1:
        return "reproduced", f"{finding} It declines in every training."
    if every and fmean(every) < 1:
        return "in part", f"{finding} It declines in some of the trainings."
    return "not reproduced", f"{finding} It does not decline."


def _panels(context: Context) -> tuple[Gradients, ...]:
    found = trained(context, (WITH, *WITHOUT))
    return tuple(context.once(("gradients", each.subject.key), _reader(each)) for each in found)


def _reader(network: Trained) -> Callable[[], Gradients]:
    def read() -> Gradients:
        from bnas import search

        return Gradients(
            network.subject.title,
            network.subject.changes.get("skip") != "none",
            tuple(search.read_gradients(result.directory) for result in network.results),
        )

    return read


def _at(panel: Gradients, epoch: int) -> list[float]:
    return [spikiness(each, epoch) for each in panel.histories if epoch in each.epochs]


def _range(values: Sequence[float]) -> str:
    if not values:
        return "none left"
    low, high = min(values), max(values)
    return f"{low:.2f}" if len(values) == 1 else f"{low:.2f} to {high:.2f}"


def _plot_title(panel: Gradients) -> str:
    return f"{panel.title.partition(',')[0]} {'w/' if panel.has_skips else 'w/o'} SC"


def _draw_still(context: Context, panels: Sequence[Gradients], epoch: int) -> Picture:
    from bnas import search

    shown = _shown_runs(panels, (epoch,))
    search.draw_gradients(shown, context.path(_STILL), epoch=epoch)
    return Picture(_STILL, f"Sum of |gradient| of every convolution, first to last; {_SEEDS}.")


def _draw_animation(
    context: Context, panels: Sequence[Gradients], epochs: Sequence[int]
) -> Picture:
    from bnas import search

    shown = _shown_runs(panels, epochs)
    search.animate_gradients(shown, context.path(ANIMATION), epochs=epochs)
    return Picture(ANIMATION, f"Sum of |gradient| of every convolution by epoch; {_SEEDS}.")


def _shown_runs(
    panels: Sequence[Gradients], epochs: Sequence[int]
) -> dict[str, list[GradientHistory]]:
    """Return of every network the trainings that came as far as to these epochs."""
    found = {
        _plot_title(panel): [run for run in panel.histories if set(epochs) <= set(run.epochs)]
        for panel in panels
    }
    return {title: runs for title, runs in found.items() if runs}


def _spikiness_table(panels: Sequence[Gradients], shown: Sequence[int]) -> Table:
    rows = [
        (panel.title, seed, epoch + 1, spikiness(history, epoch), unsteadiness(history, pair))
        for panel in panels
        for seed, history in enumerate(panel.histories)
        for pair in zip((shown[0], *shown), shown, strict=False)
        if (epoch := pair[-1]) in history.epochs
    ]
    caption = "Spikiness, and unsteadiness since the picture before, of every training and epoch."
    columns = ("network", "seed", "epoch", "spikiness", "unsteadiness")
    return Table("fig5_spikiness", columns, tuple(rows), caption, on_page=False)


def _sums_table(panels: Sequence[Gradients]) -> Table:
    rows = [
        (panel.title, seed, epoch + 1, layer, kind, value)
        for panel in panels
        for seed, history in enumerate(panel.histories)
        for epoch, values in zip(history.epochs, history.values.tolist(), strict=True)
        for layer, kind, value in zip(history.layers, history.kinds, values, strict=True)
    ]
    columns = ("network", "seed", "epoch", "layer", "weights", "sum of |gradient|")
    caption = "Sums of every layer, training and epoch."
    return Table("fig5_gradients", columns, tuple(rows), caption, on_page=False)
