"""`Spec`: what costing, training and packing ask of a specification; reading any from JSON."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from bnas.cells import darts, graph_spec, resnet, spec, twin
from bnas.cells.darts import DartsSpec
from bnas.cells.errors import SpecError
from bnas.cells.graph import Graph
from bnas.cells.graph_spec import GraphSpec
from bnas.cells.json_form import read_object
from bnas.cells.resnet import ResNetSpec
from bnas.cells.spec import NetworkSpec
from bnas.cells.templates import TemplateName
from bnas.cells.twin import FloatTwin


@runtime_checkable
class Spec(Protocol):
    """A network as data: immutable, compared by value, one graph.

    `NetworkSpec`, `DartsSpec`, `ResNetSpec`, `GraphSpec` and `FloatTwin` are such. Whoever reads a
    network reads its graph; the rest here is what the graph does not say.
    """

    @property
    def template(self) -> TemplateName:
        """Images that it is made for: their size and normalisation."""

    @property
    def input_size(self) -> int:
        """Side of these images in pixels."""

    @property
    def num_classes(self) -> int:
        """Number of logits."""

    @property
    def num_cells(self) -> int:
        """Number of stacked cells or blocks, each with parameters of its own."""

    def lower(self) -> Graph:
        """Return the network as a graph, every layer of it."""

    def to_json(self) -> str:
        """Return the specification as one JSON object, which `spec_from_json` reads."""


_KINDS: dict[str, type[NetworkSpec | DartsSpec | ResNetSpec | GraphSpec | FloatTwin]] = {
    spec.KIND: NetworkSpec,
    darts.KIND: DartsSpec,
    resnet.KIND: ResNetSpec,
    graph_spec.KIND: GraphSpec,
    twin.KIND: FloatTwin,
}


def spec_from_json(text: str) -> Spec:
    """Return the specification that its `to_json` wrote, of whatever kind.

    Args:
        text: One JSON object; its ``kind`` tells the class.

    Raises:
        SpecError: Not JSON, no such kind, unknown or missing keys, or a value outside its range.
        GenotypeError: A genotype in it describes no valid cell.
        GraphError: Nodes in it do not fit together.
    """
    kind = read_object(text).get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise SpecError(
            f"`kind` of a network specification must be one of {tuple(_KINDS)} (got {kind!r})",
            field="kind",
            value=kind,
        )
    return _KINDS[kind].from_json(text)
