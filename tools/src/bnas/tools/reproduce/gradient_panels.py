"""`Gradients`: the panels of Figure 5 and of the animation, read and drawn."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from bnas.tools.reproduce.context import Context
from bnas.tools.reproduce.learning_curves import WITH, WITHOUT
from bnas.tools.reproduce.section import Picture
from bnas.tools.reproduce.spikes import jumps_of_epochs, kinds_of
from bnas.tools.reproduce.trainings import Trained, trained

if TYPE_CHECKING:
    from bnas.search import GradientHistory

#: Of the animation, as the supplement calls it.
ANIMATION = "comb_grads.gif"
_SEEDS = "thin lines are single seeds, bold ones their geometric mean"


@frozen
class Gradients:
    """The gradients of a network's trainings.

    Attributes:
        title: The network's.
        has_skips: Whether it has inter-cell skip connections.
        runs: Seed -> what was recorded, of trainings that diverged as far as they came.
        kinds: Convolution -> what makes it like another.
    """

    title: str
    has_skips: bool
    runs: dict[int, GradientHistory]
    kinds: dict[str, Hashable] = field(factory=dict, repr=False)

    @property
    def plot_title(self) -> str:
        """As Table 2 names its panel."""
        return f"{self.title.partition(',')[0]} {'w/' if self.has_skips else 'w/o'} SC"

    def measured(self, measure: Callable[..., float], epoch: int) -> list[float]:
        """Return a measure of spikes at an epoch, of every training that came so far."""
        return [
            measure(run, epoch, self.kinds) for run in self.runs.values() if epoch in run.epochs
        ]

    def unsteadiness(self, epochs: Sequence[int]) -> list[float]:
        """Return how much gradients jump from epoch to epoch, of every training."""
        found = [jumps_of_epochs(run, epochs, self.kinds) for run in self.runs.values()]
        return [value for value in found if value is not None]

    def decline(self, first: int, last: int) -> list[float]:
        """Return the sum of all gradients at an epoch over that at an earlier one."""
        return [
            float(run.at(last).sum() / run.at(first).sum())
            for run in self.runs.values()
            if {first, last} <= set(run.epochs) and run.at(first).sum() > 0
        ]


def panels_of(context: Context) -> tuple[Gradients, ...]:
    """Return BNAS-A with skips, and A, B and C without, trained; with skips first."""
    networks = trained(context, (WITH, *WITHOUT))
    return tuple(
        context.once(("gradients", each.subject.key), _reader(context, each)) for each in networks
    )


def _reader(context: Context, network: Trained) -> Callable[[], Gradients]:
    def read() -> Gradients:
        from bnas import search
        from bnas.search.gradient_history import GRADIENTS_NAME

        runs = {
            seed: search.read_gradients(result.directory)
            for seed, result in zip(network.seeds, network.results, strict=True)
            # What diverged in its first epoch has recorded nothing.
            if Path(result.directory, GRADIENTS_NAME).is_file()
        }
        spec = network.subject.spec(context.scale)
        has_skips = network.subject.changes.get("skip") != "none"
        return Gradients(network.subject.title, has_skips, runs, kinds_of(spec.lower()))

    return read


def draw(
    context: Context, panels: Sequence[Gradients], epochs: Sequence[int], file: str
) -> tuple[Picture, ...]:
    """Draw what came as far as to these epochs; no picture where nothing did.

    Args:
        context: Of the reproduction.
        panels: With skips first.
        epochs: From 0; of the animation, or the one of a still picture.
        file: `ANIMATION`, or the name of a PNG.
    """
    from bnas import search

    runs = {
        panel.plot_title: [run for run in panel.runs.values() if set(epochs) <= set(run.epochs)]
        for panel in panels
    }
    shown = {title: found for title, found in runs.items() if found}
    if not shown:
        return ()
    if file == ANIMATION:
        search.animate_gradients(shown, context.path(file), epochs=epochs)
    else:
        search.draw_gradients(shown, context.path(file), epoch=epochs[0])
    return (Picture(file, f"Sum of |gradient| of every convolution, first to last; {_SEEDS}."),)
