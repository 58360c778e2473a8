"""`lower_darts`: from a `DartsSpec` to its graph.

The layers of the cells are those of `bnas.cells.lower_cell`, the stems those of `bnas.cells.stems`.

References:
    Liu, Simonyan, Yang, "DARTS", ICLR 2019, and its authors' code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnas.cells.builder import Builder, Value, Window
from bnas.cells.graph import Graph
from bnas.cells.lower_cell import CellLayers
from bnas.cells.stems import darts_stem, imagenet_stem

if TYPE_CHECKING:
    from bnas.cells.darts import DartsSpec


def lower_darts(spec: DartsSpec) -> Graph:
    """Return the graph of `spec`.

    Args:
        spec: The network; its logits are the graph's output of shape (num_classes, 1, 1).
    """
    build = Builder()
    layers = CellLayers(build, spec.activation, spec.downsampling == "real")
    stem = darts_stem if spec.template == "cifar" else imagenet_stem
    before, last = stem(build, build.images(), spec.channels)
    channels = spec.channels
    for index in range(spec.num_cells):
        reduction = index in spec.reductions
        channels *= 2 if reduction else 1
        build.cell = f"cell_{index:02d}"
        states = _preprocess(layers, f"cells.{index}", channels, (before, last))
        output = layers.wire(f"cells.{index}", spec.genotype, reduction, states)
        build.taps[build.cell] = output.name
        before, last = last, output
    return build.finish(build.classify("pool", "classifier", last, spec.num_classes))


def _preprocess(
    layers: CellLayers, prefix: str, channels: int, inputs: tuple[Value, Value]
) -> list[Value]:
    """Append the 1x1 blocks of both inputs; that of a larger c(k-2) has stride 2."""
    before, last = inputs
    layers.build.role = "preprocess"
    block = layers.real_block if layers.real_downsampling else layers.block
    stride = 1 if before.halvings == last.halvings else 2
    return [
        block(f"{prefix}.preprocess0", before, channels, Window(1, stride)),
        block(f"{prefix}.preprocess1", last, channels, Window(1)),
    ]
