"""`Results`: what a search leaves beside its checkpoints, refreshed after every epoch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from bnas.cells import CostReport, Genotype, NetworkSpec, cost, spec
from bnas.search.architecture.derive import GAMMAS
from bnas.search.architecture.history import SearchEpoch, search_csv, to_json_lines
from bnas.search.architecture.recipe import SearchRecipe
from bnas.search.checkpoint import write_text
from bnas.search.curves import require_matplotlib

HISTORY_NAME, METRICS_NAME = "history.jsonl", "metrics.csv"
RECIPE_NAME, REPORT_NAME = "recipe.json", "report.html"
_SIZES = {"cifar": ("BNAS-Mini", "BNAS-A"), "imagenet": ("BNAS-D", "BNAS-E")}


def genotype_name(gamma: int) -> str:
    """Return the name of the file of the genotype with this zeroise_gamma."""
    return f"genotype-gamma{gamma}.json"


@frozen
class Cost:
    """What a network of found cells costs.

    Attributes:
        gamma: zeroise_gamma of its genotype.
        size: The published network whose cells and channels it has.
        cells: Stacked cells.
        channels: Of a node in the first cell.
        paper: Counted by the paper's rule.
        deployed: Counted as it is stored and run.
    """

    gamma: int
    size: str
    cells: int
    channels: int
    paper: CostReport
    deployed: CostReport


@frozen
class Results:
    """Writes tables, genotypes and, if wanted, pictures and the page of a search.

    Attributes:
        recipe: Of the search.
        directory: Where to.
        num_classes: Of the images.
        notice: What the page begins with; empty for nothing.
    """

    recipe: SearchRecipe
    directory: Path
    num_classes: int
    notice: str = ""

    @property
    def sizes(self) -> tuple[str, ...]:
        """Published networks whose cells and channels found cells are costed with."""
        return _SIZES[self.recipe.template]

    def check_report(self) -> None:
        """Refuse a report that cannot be drawn, before the search and not after it.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        require_matplotlib("The pictures of a search")

    def write(self, history: Sequence[SearchEpoch], *, report: bool) -> None:
        """Write everything anew, each file whole or not at all.

        Args:
            history: At least one record.
            report: Draw the pictures and write the page too.

        Raises:
            CheckpointError: A file cannot be written.
        """
        last = history[-1]
        write_text(self.directory / HISTORY_NAME, to_json_lines(history))
        write_text(self.directory / METRICS_NAME, search_csv(history))
        write_text(self.directory / RECIPE_NAME, json.dumps(self.recipe.to_dict(), indent=2) + "\n")
        for gamma in GAMMAS:
            text = last.genotype(gamma).to_json() + "\n"
            write_text(self.directory / genotype_name(gamma), text)
        if report:
            from bnas.search.architecture.pictures import draw_all
            from bnas.search.architecture.report import page

            pictures = draw_all(self, history)
            costs = self.costs(last)
            text = page(self.recipe, history, costs, pictures, self.directory, self.notice)
            write_text(self.directory / REPORT_NAME, text)

    def network(self, genotype: Genotype, size: str) -> NetworkSpec:
        """Return the network of found cells with the cells and channels of a published one."""
        found = spec(size, genotype=genotype, num_classes=self.num_classes, skip=self.recipe.skip)
        assert isinstance(found, NetworkSpec)  # Others have no skip.
        return found

    def costs(self, last: SearchEpoch) -> list[Cost]:
        """Return what networks of the cells found cost, by both rules.

        Args:
            last: The newest record.
        """
        costs = []
        for gamma in GAMMAS:
            for size in self.sizes:
                network = self.network(last.genotype(gamma), size)
                costs.append(
                    Cost(
                        gamma=gamma,
                        size=size,
                        cells=network.num_cells,
                        channels=network.channels,
                        paper=cost(network, rule="paper"),
                        deployed=cost(network, rule="deployed"),
                    )
                )
        return costs
