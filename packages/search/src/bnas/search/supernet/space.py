"""`SearchSpace`: what a search chooses from, and the supernet's template."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, get_args

import attrs
from attrs import field, frozen

from bnas.cells import PRIMITIVES, Primitive, UnknownNameError, primitive
from bnas.cells.fields import MAX_BLOCKS, MAX_CHANNELS, MAX_CLASSES, is_between
from bnas.cells.templates import TemplateName
from bnas.search.errors import SearchSpaceError

Skip = Literal["previous", "none"]
#: Intermediate nodes of a cell; far above any published one.
MAX_NODES = 32
#: States that come from outside a cell: c(k-2) and c(k-1).
NUM_CELL_INPUTS = 2

_Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _integer(minimum: int, maximum: int) -> _Check:
    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not is_between(value, minimum, maximum):
            raise SearchSpaceError(
                f"`{attribute.name}` must be an integer from {minimum} to {maximum} (got {value!r})"
            )

    return check


def _choice(allowed: tuple[object, ...]) -> _Check:
    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if type(value) not in map(type, allowed) or value not in allowed:
            raise SearchSpaceError(f"`{attribute.name}` must be one of {allowed} (got {value!r})")

    return check


def _names(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _primitives(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, tuple):
        raise SearchSpaceError(
            f"`primitives` must be a tuple of names (got {type(value).__name__})"
        )
    for name in value:
        # Others have names too (`cells.primitive`), but no form in the supernet.
        if not isinstance(name, str) or name not in PRIMITIVES:
            unknown = UnknownNameError("primitive", name, PRIMITIVES)
            raise SearchSpaceError(f"`primitives`: {unknown}") from unknown
    if len(set(value)) < len(value):
        raise SearchSpaceError(f"`primitives` must differ from each other (got {value})")
    if set(value) <= {"none"}:
        raise SearchSpaceError(
            f"`primitives` must hold a layer type other than 'none' (got {value})"
        )


@frozen(kw_only=True)
class SearchSpace:
    """The primitives, the shape of a cell, and the stack of cells that is searched.

    The paper's ablations are fields: without Zeroise is `primitives` without ``"none"``, without
    the inter-cell skip connections is ``skip="none"``.

    Attributes:
        primitives: Layer types an edge chooses from, in the order of the columns of the
            architecture parameters; default: the seven of `cells.PRIMITIVES`.
        nodes: Intermediate nodes of a cell; all of them are concatenated.
        cells: Stacked cells; cells ``n // 3`` and ``2n // 3`` reduce.
        channels: Channels of a node in the first cell; doubled by each reduction.
        num_classes: Number of logits.
        template: Stem of the ``"cifar"`` or the ``"imagenet"`` network.
        skip: ``"previous"`` adds c(k-1) to the output of every cell but the first.
        official_quirks: As in the authors' code, sign(0) = 0 and the last convolutions of the
            supernet keep real weights.

    Raises:
        SearchSpaceError: A field is outside its range.

    References:
        ECCV 2020 BNAS, Section 4.1 (primitives), Section 4.2 (skip connections), Section 5.
    """

    primitives: tuple[str, ...] = field(
        default=tuple(PRIMITIVES), converter=_names, validator=_primitives
    )
    nodes: int = field(default=4, validator=_integer(1, MAX_NODES))
    cells: int = field(default=8, validator=_integer(1, MAX_BLOCKS))
    channels: int = field(default=16, validator=_integer(1, MAX_CHANNELS))
    num_classes: int = field(default=10, validator=_integer(1, MAX_CLASSES))
    template: TemplateName = field(default="cifar", validator=_choice(get_args(TemplateName)))
    skip: Skip = field(default="previous", validator=_choice(get_args(Skip)))
    official_quirks: bool = field(default=False, validator=_choice((False, True)))

    def __attrs_post_init__(self) -> None:
        """Validate what concerns several fields."""
        if self.template == "imagenet" and self.channels % 2:
            raise SearchSpaceError(
                "`channels` must be even in the imagenet template, whose stem halves it "
                f"(got channels={self.channels})"
            )

    @property
    def num_edges(self) -> int:
        """Edges of a cell: node i has one from each of the 2 + i states before it."""
        return sum(NUM_CELL_INPUTS + node for node in range(self.nodes))

    @property
    def arch_shape(self) -> tuple[int, int]:
        """Shape of the architecture parameters of a cell type, (edges, primitives)."""
        return self.num_edges, len(self.primitives)

    @property
    def layers(self) -> tuple[Primitive, ...]:
        """The primitives themselves, in order."""
        return tuple(primitive(name) for name in self.primitives)

    @property
    def reductions(self) -> frozenset[int]:
        """Indices of the reduction cells."""
        return frozenset({self.cells // 3, 2 * self.cells // 3})

    def edge(self, node: int, state: int) -> int:
        """Return the row of the edge from `state` to `node`.

        Args:
            node: From 0 to nodes - 1.
            state: From 0 to node + 1; 0 and 1 are the cell's inputs, 2 + i is node i.
        """
        return sum(NUM_CELL_INPUTS + earlier for earlier in range(node)) + state

    def readers(self, state: int) -> tuple[int, ...]:
        """Return the nodes with an edge from `state`: always the last ones of the cell."""
        return tuple(range(max(0, state - NUM_CELL_INPUTS + 1), self.nodes))

    def to_json(self) -> str:
        """Return the space as one JSON object."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SearchSpace:
        """Parse what `to_json` wrote; fields that are left out have their default.

        Raises:
            SearchSpaceError: No JSON object, unknown fields, or a value outside its range.
        """
        try:
            data = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise SearchSpaceError(f"a search space must be JSON text ({error})") from error
        if not isinstance(data, dict):
            raise SearchSpaceError(
                f"a search space must be a JSON object (got {type(data).__name__})"
            )
        allowed = [item.name for item in attrs.fields(cls)]
        unknown = sorted(set(data) - set(allowed))
        if unknown:
            raise SearchSpaceError(
                f"unknown fields {unknown} in a search space; allowed: {allowed}"
            )
        return cls(**data)
