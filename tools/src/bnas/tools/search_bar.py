"""`SearchBar`: how far a search is and what it leans to, on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnas.tools.run_bar import RunBar
from bnas.tools.units import percent

if TYPE_CHECKING:
    from bnas.search import SearchEpoch, StepMetrics

_COLUMNS = {"loss": "loss", "top1": "top-1", "entropy": "entropy", "zeroise": "Zeroise"}
#: Primitives that a line names, the most frequent first.
_NAMED = 3


class SearchBar(RunBar):
    """A bar over all steps with loss, accuracy, entropy, Zeroise edges; a line for every epoch.

    Args:
        epochs: Number of epochs of the search.
    """

    def __init__(self, epochs: int) -> None:
        """Make the bar; it shows from `__enter__` on."""
        super().__init__("searching", epochs, _COLUMNS)
        self._warned: set[str] = set()

    def show(self, metrics: StepMetrics | SearchEpoch) -> None:
        """Take notice of a step or of an epoch: what `bnas.search.search_cells` calls."""
        from bnas.search import SearchEpoch

        if isinstance(metrics, SearchEpoch):
            self._show_epoch(metrics)
        else:
            self.advance(metrics, loss=f"{metrics.loss:.3f}")

    def _show_epoch(self, epoch: SearchEpoch) -> None:
        ranked = sorted(epoch.strongest.items(), key=lambda each: -each[1])[:_NAMED]
        facts = [
            f"loss {epoch.loss:.3f} and {epoch.arch_loss:.3f}",
            f"top-1 {percent(epoch.top1)} and {percent(epoch.arch_top1)}",
            f"entropy {epoch.entropy:.3f}",
            f"Zeroise on {epoch.zeroise_edges} of {2 * len(epoch.normal)} edges",
            "strongest " + " ".join(f"{name} {100 * share:.0f} %" for name, share in ranked),
            f"{epoch.images_per_s:.0f} images/s",
        ]
        self.tell_epoch(epoch.epoch, facts)
        for warning in epoch.warnings:
            if warning not in self._warned:
                self.tell(f"warning: {warning}")
                self._warned.add(warning)
        self.update(
            top1=percent(epoch.arch_top1),
            entropy=f"{epoch.entropy:.3f}",
            zeroise=str(epoch.zeroise_edges),
        )
