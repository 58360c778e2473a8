"""Figure 5, Table 2 and the animation that it describes: how even gradients are over the layers."""

from __future__ import annotations

from collections.abc import Sequence

from bnas.tools.reproduce.checks import Check, told, verdict_of
from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.gradient_panels import ANIMATION, Gradients, draw, panels_of
from bnas.tools.reproduce.section import Section, Table
from bnas.tools.reproduce.spikes import jumps_of_epochs, jumps_of_like, jumps_of_neighbours
from bnas.tools.reproduce.words import range_of, reduced_words

_STILL = "fig5.png"
_CLAIM = (
    "Section 3.1, Figure 5: at epoch 100 the sums of the gradients' magnitudes of the convolutions "
    "of BNAS-A, -B and -C without skips are spiky, those of BNAS-A with skips are less so."
)
_TABLE_2 = (
    "Table 2 lists the panels of the animation 'comb_grads.gif' (every 10 epochs from 100 to 600): "
    "BNAS-A with skips beside A, B and C without. Its text says that gradients without skips are "
    "unstable in early epochs, and that those of all models become small in the end."
)
_MEASURES = (
    "Spikiness is a mean factor, in powers of ten, between sums of |gradient|: of like "
    "convolutions of successive cells (the same place in the cell, kernel and stride), or of "
    "neighbours in the order of the picture, which differ in their numbers of weights too."
)


def fig5(context: Context) -> Section:
    """Draw the gradients of every convolution at one epoch, as in the supplement's Figure 5."""
    panels = panels_of(context)
    epoch = still_epoch(context)
    checks = judge_spikes(panels, epoch)
    return Section(
        target="fig5",
        title=f"Figure 5: gradients at epoch {epoch + 1}",
        claim=_CLAIM,
        verdict=verdict_of(checks),
        finding=f"{told(checks)} {_MEASURES} {reduced_words(context)}".strip(),
        parts=(
            *draw(context, panels, (epoch,), _STILL),
            spikes_table(panels, frames(context)),
            _sums_table(panels),
        ),
    )


def table2(context: Context) -> Section:
    """Make the animation that Table 2 describes."""
    panels = panels_of(context)
    shown = frames(context)
    checks = judge_course(panels, shown)
    rows = tuple((each.plot_title, each.title.partition(",")[0], each.has_skips) for each in panels)
    caption = (
        f"Panels of {ANIMATION}: epochs {shown[0] + 1} to {shown[-1] + 1}, {len(shown)} frames."
    )
    return Section(
        target="table2",
        title="Table 2: the animation of gradients",
        claim=_TABLE_2,
        verdict=verdict_of(checks),
        finding=f"{told(checks)} {reduced_words(context)}".strip(),
        parts=(
            Table("table2", ("plot title", "model", "skip connections"), rows, caption),
            *draw(context, panels, shown, ANIMATION),
        ),
    )


def still_epoch(context: Context) -> int:
    """Return the epoch, from 0, of the still picture."""
    return min(context.scale.first_frame, context.scale.epochs) - 1


def frames(context: Context) -> tuple[int, ...]:
    """Return the epochs, from 0, of the animation's pictures."""
    scale = context.scale
    return tuple(range(still_epoch(context), scale.epochs, scale.frame_step))


def judge_spikes(panels: Sequence[Gradients], epoch: int) -> list[Check]:
    """Return the statements of Figure 5, and whether they hold.

    Args:
        panels: With skips first.
        epoch: From 0.
    """
    measures = {
        "like convolutions": jumps_of_like,
        "neighbours in the picture": jumps_of_neighbours,
    }
    checks = [_came_so_far(panels[0], epoch)]
    for name, measure in measures.items():
        found = [panel.measured(measure, epoch) for panel in panels]
        checks.append(_larger(f"spikiness between {name}", panels, found))
    return checks


def judge_course(panels: Sequence[Gradients], shown: Sequence[int]) -> list[Check]:
    """Return the statements on the animation, and whether they hold.

    Args:
        panels: With skips first.
        shown: Epochs of the pictures, from 0.
    """
    first, last = shown[0], shown[-1]
    early = shown[: max(len(shown) // 2, 2)]
    found = [panel.unsteadiness(early) for panel in panels]
    checks = [_came_so_far(panels[0], last)]
    checks.append(
        _larger(f"change from picture to picture up to epoch {early[-1] + 1}", panels, found)
    )
    ratios = {panel.title: panel.decline(first, last) for panel in panels}
    every = [value for values in ratios.values() for value in values]
    falling = sum(value < 1 for value in every)
    listed = "; ".join(f"{title} {range_of(values)}" for title, values in ratios.items())
    checks.append(
        Check(
            f"the sum of all gradients of every training falls from epoch {first + 1} to "
            f"{last + 1} ({falling} of {len(every)}; to its {listed})",
            bool(every) and falling == len(every),
        )
    )
    return checks


def _came_so_far(base: Gradients, epoch: int) -> Check:
    came = [epoch in run.epochs for run in base.runs.values()]
    statement = f"every training of {base.title} with skips reaches epoch {epoch + 1}"
    return Check(statement, bool(came) and all(came), is_control=True)


def _larger(what: str, panels: Sequence[Gradients], found: Sequence[Sequence[float]]) -> Check:
    """Return whether a measure of every network without skips is above every one with skips."""
    base, *others = found
    listed = "; ".join(
        f"{panel.title} {range_of(values)}" for panel, values in zip(panels, found, strict=True)
    )
    holds = bool(base) and all(values and min(values) > max(base) for values in others)
    return Check(f"{what} is larger without skips ({listed})", holds)


def spikes_table(panels: Sequence[Gradients], shown: Sequence[int]) -> Table:
    """Return spikiness and change since the picture before, of every training and epoch."""
    rows = [
        (
            panel.title,
            seed,
            epoch + 1,
            jumps_of_like(run, epoch, panel.kinds),
            jumps_of_neighbours(run, epoch, panel.kinds),
            jumps_of_epochs(run, shown[max(place - 1, 0) : place + 1], panel.kinds),
        )
        for panel in panels
        for seed, run in panel.runs.items()
        for place, epoch in enumerate(shown)
        if epoch in run.epochs
    ]
    caption = "Spikiness, and change since the picture before, of every training and epoch."
    columns = ("network", "seed", "epoch", "of like convolutions", "of neighbours", "change")
    return Table("fig5_spikiness", columns, tuple(rows), caption, on_page=False)


def _sums_table(panels: Sequence[Gradients]) -> Table:
    # Float32 sums: six digits hold them, and keep the file at half its size.
    rows = [
        (panel.title, seed, epoch + 1, layer, kind, float(f"{value:.6g}"))
        for panel in panels
        for seed, run in panel.runs.items()
        for epoch, values in zip(run.epochs, run.values.tolist(), strict=True)
        for layer, kind, value in zip(run.layers, run.kinds, values, strict=True)
    ]
    columns = ("network", "seed", "epoch", "layer", "weights", "sum of |gradient|")
    caption = "Sums of every layer, training and epoch."
    return Table("fig5_gradients", columns, tuple(rows), caption, on_page=False)
