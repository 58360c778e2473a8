"""`FloatTwin`: any network with real weights and without signs; `float_twin`, its graph."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from bnas.cells import nodes
from bnas.cells.errors import SpecError
from bnas.cells.graph import Graph
from bnas.cells.json_form import read_object

if TYPE_CHECKING:
    from bnas.cells.specification import Spec
    from bnas.cells.templates import TemplateName

#: What the `kind` of the JSON form says.
KIND = "float"


def float_twin(graph: Graph) -> Graph:
    """Return a graph without its signs, whose binary convolutions are real ones.

    Same names, same shapes, the same parameters but for the scales of binary filters.

    Args:
        graph: Any graph, pruned or not.
    """
    passed: dict[str, str] = {}
    kept: list[nodes.Node] = []
    for node in graph:
        inputs = tuple(passed.get(name, name) for name in node.inputs)
        if isinstance(node, nodes.Sign):
            passed[node.name] = inputs[0]
            continue
        node = node.renamed(inputs)
        kept.append(node.as_real() if isinstance(node, nodes.BinaryConv) else node)
    return Graph(
        nodes=tuple(kept),
        output=passed.get(graph.output, graph.output),
        taps={label: passed.get(name, name) for label, name in graph.taps.items()},
    )


def _spec(_: object, __: object, value: Any) -> None:
    from bnas.cells.specification import Spec

    if isinstance(value, FloatTwin) or not isinstance(value, Spec):
        raise SpecError(
            "`spec` must be the specification of a network, and no float twin "
            f"(got {type(value).__name__})",
            field="spec",
            value=value,
        )


@frozen
class FloatTwin:
    """The float counterpart of a network: the same graph, nothing of it binary.

    Binary convolutions have real weights, and signs are gone: a block of batch norm, sign,
    convolution, ReLU becomes batch norm, convolution, ReLU. It is what `bnas.cells.nn.Network`
    evaluates with ``binarize="none"``, as a specification: it can be costed, trained and packed.

    Attributes:
        spec: The network whose twin it is.

    Raises:
        SpecError: `spec` is none, or a twin itself.
    """

    spec: Spec = field(validator=_spec)

    @property
    def template(self) -> TemplateName:
        """That of the network."""
        return self.spec.template

    @property
    def input_size(self) -> int:
        """That of the network, in pixels."""
        return self.spec.input_size

    @property
    def num_classes(self) -> int:
        """That of the network."""
        return self.spec.num_classes

    @property
    def num_cells(self) -> int:
        """That of the network."""
        return self.spec.num_cells

    def lower(self) -> Graph:
        """Return the graph of the network without signs and binary convolutions."""
        return float_twin(self.spec.lower())

    def to_json(self) -> str:
        """Return the specification as one JSON object, that of the network inside."""
        return json.dumps({"kind": KIND, "spec": json.loads(self.spec.to_json())})

    @classmethod
    def from_json(cls, text: str) -> FloatTwin:
        """Parse what `to_json` wrote.

        Raises:
            SpecError: Not JSON, unknown or missing keys, or no valid network inside.
        """
        from bnas.cells.specification import spec_from_json

        data = read_object(text)
        if data.get("kind") != KIND or set(data) != {"kind", "spec"}:
            raise SpecError(
                f'a float twin must have the keys `kind`, "{KIND}", and `spec` '
                f"(got kind {data.get('kind')!r}, keys {sorted(data)})",
                field="kind",
                value=data.get("kind"),
            )
        inner = data["spec"]
        if isinstance(inner, dict) and inner.get("kind") == KIND:
            raise SpecError("`spec` of a float twin must be no twin itself", field="spec")
        return cls(spec_from_json(json.dumps(inner)))
