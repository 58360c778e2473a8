"""`Genotype`: what a search finds, the wiring of a normal and a reduction cell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import attrs
from attrs import frozen

from bnas.cells.errors import GenotypeError, UnknownNameError
from bnas.cells.primitives import primitive

Edge = tuple[str, int]
#: Every intermediate node sums this many edges.
EDGES_PER_NODE = 2
#: States 0 and 1 of a cell are its inputs c(k-2) and c(k-1).
NUM_CELL_INPUTS = 2


def _edges(value: Iterable[Any]) -> tuple[Edge, ...]:
    try:
        return tuple((op, source) for op, source in value)
    except (TypeError, ValueError) as error:
        raise GenotypeError(
            f"edges must be pairs of (primitive, input state) (got {value!r})", edge=value
        ) from error


def _states(value: Iterable[Any]) -> tuple[int, ...]:
    try:
        return tuple(value)
    except TypeError as error:
        raise GenotypeError(
            f"`concat` must be a sequence of states (got {value!r})", concat=value
        ) from error


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@frozen
class Genotype:
    """Wiring of the two cells that a network stacks.

    State 0 is c(k-2), state 1 is c(k-1), state ``2 + i`` is the intermediate node i: the sum of its
    two edges. The cell's output is the concatenation of the states in `concat`.

    Attributes:
        normal: Edges of the normal cell as (primitive, input state); node i owns edges 2i and 2i+1.
        reduce: Edges of the reduction cell, same form; edges from states 0 and 1 have stride 2.
        concat: States that are concatenated into the cell's output, in order.

    Raises:
        GenotypeError: A cell is malformed: an odd number of edges, an edge from a state that does
            not precede its node, an unknown primitive, a concat state that does not exist.

    References:
        ECCV 2020 BNAS, Section 4.2; the form is that of DARTS (Liu et al., ICLR 2019).
    """

    normal: tuple[Edge, ...] = attrs.field(converter=_edges)
    reduce: tuple[Edge, ...] = attrs.field(converter=_edges)
    concat: tuple[int, ...] = attrs.field(default=(2, 3, 4, 5), converter=_states)

    def __attrs_post_init__(self) -> None:
        """Validate."""
        _check_cell("normal", self.normal)
        _check_cell("reduce", self.reduce)
        if len(self.normal) != len(self.reduce):
            raise GenotypeError(
                "`normal` and `reduce` must have as many edges as each other "
                f"(got {len(self.normal)} and {len(self.reduce)})"
            )
        self._check_concat()

    def _check_concat(self) -> None:
        last = NUM_CELL_INPUTS + self.num_nodes - 1
        if not self.concat:
            raise GenotypeError(
                "`concat` must name at least one intermediate node (got none)", concat=self.concat
            )
        for state in self.concat:
            if not _is_index(state) or not NUM_CELL_INPUTS <= state <= last:
                raise GenotypeError(
                    f"`concat` must name intermediate nodes {NUM_CELL_INPUTS}..{last} "
                    f"(got {state!r}: this genotype has {self.num_nodes} nodes)",
                    concat=self.concat,
                )
        if len(set(self.concat)) != len(self.concat):
            raise GenotypeError(
                f"`concat` must not name a node twice (got {self.concat})", concat=self.concat
            )

    @property
    def num_nodes(self) -> int:
        """Number of intermediate nodes of a cell."""
        return len(self.normal) // EDGES_PER_NODE

    def cell(self, reduction: bool) -> tuple[Edge, ...]:
        """Return the edges of the reduction cell or of the normal cell."""
        return self.reduce if reduction else self.normal

    def to_dict(self) -> dict[str, Any]:
        """Return the genotype as lists, strings and numbers, ready for JSON."""
        return {
            "normal": [list(edge) for edge in self.normal],
            "reduce": [list(edge) for edge in self.reduce],
            "concat": list(self.concat),
        }

    @classmethod
    def from_dict(cls, data: object) -> Genotype:
        """Build a genotype from what `to_dict` returns.

        Raises:
            GenotypeError: `data` has missing or unknown keys, or describes no valid cell.
        """
        if not isinstance(data, dict):
            raise GenotypeError(f"a genotype must be a JSON object (got {type(data).__name__})")
        allowed = {"normal", "reduce", "concat"}
        missing = sorted({"normal", "reduce"} - set(data))
        unknown = sorted(set(map(str, data)) - allowed)
        if missing or unknown:
            raise GenotypeError(
                f"a genotype has the keys {sorted(allowed)} (missing {missing}, unknown {unknown})",
                keys=(*missing, *unknown),
            )
        return cls(**data)

    def to_json(self) -> str:
        """Return the genotype as one JSON object."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Genotype:
        """Parse what `to_json` wrote.

        Raises:
            GenotypeError: `text` is not JSON or describes no valid cell.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise GenotypeError(f"a genotype must be JSON text ({error})") from error
        return cls.from_dict(data)


def _check_cell(label: str, edges: tuple[Edge, ...]) -> None:
    if not edges or len(edges) % EDGES_PER_NODE:
        raise GenotypeError(
            f"`{label}` must hold {EDGES_PER_NODE} edges for each node, at least one node "
            f"(got {len(edges)} edges: a node is missing or incomplete)",
            cell=label,
        )
    for index, (op, source) in enumerate(edges):
        node = NUM_CELL_INPUTS + index // EDGES_PER_NODE
        try:
            primitive(op)
        except UnknownNameError as error:
            raise GenotypeError(
                f"`{label}` edge {index}: {error}", cell=label, edge=index
            ) from error
        if not _is_index(source) or not 0 <= source < node:
            raise GenotypeError(
                f"`{label}` edge {index} ({op}) must come from a state before node {node}: "
                f"0..{node - 1} (got {source!r})",
                cell=label,
                edge=index,
            )


def _pairs(text: str) -> tuple[Edge, ...]:
    words = text.split()
    return tuple((op, int(source)) for op, source in zip(words[::2], words[1::2], strict=True))


#: Cells by name. "bnas-cifar10" and "bnas-imagenet" are those published with BNAS, searched on
#: CIFAR-10 with zeroise_gamma 1 and 3. "darts-v2" is DARTS's second-order cell (Liu et al., ICLR
#: 2019, Figures 4 and 5). "bats-style" is no published cell: it is one of ours, from the search
#: space of BATS (Bulat et al., ECCV 2020), to stand for such; what BATS found is not known here.
genotypes: dict[str, Genotype] = {
    "bnas-cifar10": Genotype(
        normal=_pairs(
            "none 1 bin_dil_conv_3x3 0  bin_conv_3x3 1 none 2  none 2 none 3  none 3 none 4"
        ),
        reduce=_pairs("max_pool_3x3 0 none 1  max_pool_3x3 0 none 2  none 3 none 2  none 3 none 4"),
    ),
    "bnas-imagenet": Genotype(
        normal=_pairs(
            "bin_conv_3x3 1 bin_dil_conv_3x3 0  bin_conv_3x3 1 bin_conv_3x3 2 "
            "bin_conv_3x3 2 bin_dil_conv_3x3 1  bin_dil_conv_3x3 1 bin_conv_3x3 0"
        ),
        reduce=_pairs(
            "max_pool_3x3 0 max_pool_3x3 1  max_pool_3x3 0 bin_conv_3x3 2 "
            "max_pool_3x3 0 bin_dil_conv_3x3 3  max_pool_3x3 0 bin_dil_conv_3x3 4"
        ),
    ),
    "darts-v2": Genotype(
        normal=_pairs(
            "sep_conv_3x3 0 sep_conv_3x3 1  sep_conv_3x3 0 sep_conv_3x3 1 "
            "sep_conv_3x3 1 skip_connect 0  skip_connect 0 dil_conv_3x3 2"
        ),
        reduce=_pairs(
            "max_pool_3x3 0 max_pool_3x3 1  skip_connect 2 max_pool_3x3 1 "
            "max_pool_3x3 0 skip_connect 2  skip_connect 2 max_pool_3x3 1"
        ),
    ),
    "bats-style": Genotype(
        normal=_pairs(
            "group_conv_3x3 0 group_conv_3x3 1  group_conv_3x3 1 dil_group_conv_3x3 2 "
            "group_conv_5x5 0 skip_connect 2  group_conv_3x3 3 skip_connect 0"
        ),
        reduce=_pairs(
            "max_pool_3x3 0 group_conv_3x3 1  group_conv_5x5 0 skip_connect 2 "
            "max_pool_3x3 1 dil_group_conv_3x3 2  group_conv_3x3 3 skip_connect 4"
        ),
    ),
}
