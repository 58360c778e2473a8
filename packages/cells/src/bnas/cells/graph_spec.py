"""`GraphSpec`: a network of one's own, any graph of the known nodes, as a specification."""

from __future__ import annotations

import json
from typing import Any, get_args

import attrs
from attrs import field, frozen

from bnas.cells import nodes
from bnas.cells.errors import SpecError, nearest_names
from bnas.cells.fields import MAX_CLASSES, between, choice, is_between
from bnas.cells.graph import Graph
from bnas.cells.json_form import read_object
from bnas.cells.templates import DEFAULT_INPUT_SIZES, TemplateName

#: What the `kind` of the JSON form says.
KIND = "graph"
#: Name -> node type, of all that there are.
NODE_TYPES: dict[str, type[nodes.Node]] = {
    kind.__name__: kind
    for kind in (
        nodes.Input, nodes.Conv, nodes.BinaryConv, nodes.BatchNorm, nodes.Sign, nodes.ReLU,
        nodes.RPReLU, nodes.MaxPool, nodes.AvgPool, nodes.Add, nodes.Concat, nodes.Zero,
        nodes.Identity, nodes.GlobalAvgPool, nodes.Linear,
    )
}  # fmt: skip
_KEYS = ("nodes", "output", "taps", "template", "input_size")
_MAX_SIZE = 4096


def _size_of_template(spec: GraphSpec) -> int:
    return DEFAULT_INPUT_SIZES.get(str(spec.template), 1)


@frozen(kw_only=True)
class GraphSpec:
    """A network given by its graph.

    Attributes:
        graph: The network; its output has one pixel, a logit a channel.
        template: Images that it is made for: how they are normalised.
        input_size: Side of these images in pixels; default: the template's.

    Raises:
        SpecError: A field is outside its range, or the output has more pixels than one.
        GraphError: The nodes do not fit together at this size.
    """

    graph: Graph = field(validator=attrs.validators.instance_of(Graph))
    template: TemplateName = field(default="imagenet", validator=choice(TemplateName))
    input_size: int = field(
        default=attrs.Factory(_size_of_template, takes_self=True), validator=between(1, _MAX_SIZE)
    )

    def __attrs_post_init__(self) -> None:
        """Check the graph at the size of the images."""
        shape = self.graph.shapes(self.input_size)[self.graph.output]
        if shape[1:] != (1, 1) or not is_between(shape[0], 1, MAX_CLASSES):
            raise SpecError(
                "`graph` must put out one pixel, a logit a channel "
                f"(got {shape} from `{self.graph.output}`); end it with a GlobalAvgPool",
                field="graph",
                value=shape,
            )

    def __hash__(self) -> int:
        """Hash what is compared; the graph itself has a dict of taps."""
        return hash((self.graph.nodes, self.graph.output, self.template, self.input_size))

    @property
    def num_classes(self) -> int:
        """Number of logits."""
        return self.graph.channels[self.graph.output]

    @property
    def num_cells(self) -> int:
        """0: nothing is repeated that the JSON form does not spell out."""
        return 0

    def lower(self) -> Graph:
        """Return the graph."""
        return self.graph

    def to_json(self) -> str:
        """Return the specification as one JSON object; defaults of nodes go without saying."""
        return json.dumps(
            {
                "kind": KIND,
                "template": self.template,
                "input_size": self.input_size,
                "nodes": [_to_dict(node) for node in self.graph],
                "output": self.graph.output,
                "taps": dict(self.graph.taps),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> GraphSpec:
        """Parse what `to_json` wrote.

        Raises:
            SpecError: Not JSON, unknown or missing keys, or a value outside its range.
            GraphError: The nodes do not fit together.
        """
        data = read_object(text)
        kind, listed, taps = data.pop("kind", None), data.get("nodes"), data.get("taps", {})
        unknown, missing = sorted(set(data) - set(_KEYS)), sorted({"nodes", "output"} - set(data))
        if kind != KIND or unknown or missing:
            raise SpecError(
                f'a graph\'s specification must be of `kind` "{KIND}" and have the keys {_KEYS} '
                f"(got {kind!r}, unknown {unknown}, missing {missing})",
                field="kind",
            )
        if not isinstance(listed, list):
            raise SpecError(f"`nodes` must be a list (got {type(listed).__name__})", field="nodes")
        is_named = isinstance(taps, dict) and all(isinstance(name, str) for name in taps.values())
        if not is_named or not isinstance(data["output"], str):
            raise SpecError("`output` and each of `taps` must name a node", field="taps")
        graph = Graph(
            nodes=tuple(_from_dict(each) for each in listed), output=data["output"], taps=taps
        )
        return cls(graph=graph, **{key: data[key] for key in _KEYS[3:] if key in data})


def _to_dict(node: nodes.Node) -> dict[str, Any]:
    values = attrs.asdict(node, recurse=False)
    said = {
        item.name: values[item.name]
        for item in attrs.fields(type(node))
        if item.default is attrs.NOTHING or values[item.name] != item.default
    }
    if "inputs" in said:
        said["inputs"] = list(node.inputs)
    return {"type": type(node).__name__, **said}


def _from_dict(data: object) -> nodes.Node:
    if not isinstance(data, dict):
        raise SpecError(f"a node must be a JSON object (got {type(data).__name__})", field="nodes")
    found = data.get("type")
    kind = NODE_TYPES.get(found) if isinstance(found, str) else None
    if kind is None:
        raise SpecError(
            f"unknown `type` of a node {found!r}; {nearest_names(found, NODE_TYPES)}", field="type"
        )
    allowed = {item.name: item for item in attrs.fields(kind)}
    values = {key: value for key, value in data.items() if key != "type"}
    needed = {name for name, item in allowed.items() if item.default is attrs.NOTHING}
    unknown, missing = sorted(set(values) - set(allowed)), sorted(needed - set(values))
    if unknown or missing:
        raise SpecError(
            f"a {found} has the fields {sorted(allowed)} (got {data.get('name')!r}: unknown "
            f"{unknown}, missing {missing})",
            field="nodes",
        )
    for name, value in values.items():
        _check(f"{found} {data.get('name')!r}", name, value, str(allowed[name].type))
    inputs = tuple(values.pop("inputs", ()))
    return kind(inputs=inputs, **values)


def _check(owner: str, name: str, value: object, annotation: str) -> None:
    """Refuse a value of another type than a node's field has."""
    match name, annotation:
        case "inputs", _:
            fits = isinstance(value, list) and all(isinstance(each, str) for each in value)
            wanted = "a list of names"
        case "role", _:
            fits, wanted = value in get_args(nodes.Role), f"one of {get_args(nodes.Role)}"
        case _, "bool":
            fits, wanted = isinstance(value, bool), "true or false"
        case _, "int":
            least = 0 if name == "padding" else 1
            fits, wanted = is_between(value, least, MAX_CLASSES), f"an integer >= {least}"
        case _:
            fits, wanted = isinstance(value, str), "text"
    if not fits:
        raise SpecError(f"`{name}` of {owner} must be {wanted} (got {value!r})", field=name)
