"""Conversion of states between the engines of a supernet.

The shared engine's form is the canonical one: the filters of all edges that leave a state lie in
one array, and a state's batch norm is kept once. What is keyed by parameters alone, such as the
momentum of an optimizer, is converted as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from attrs import frozen
from torch import Tensor

from bnas.search.errors import SearchSpaceError
from bnas.search.supernet.plan import real_convs
from bnas.search.supernet.space import NUM_CELL_INPUTS, SearchSpace


@frozen
class _Route:
    """Where a module of the plain engine is found in the shared one.

    Attributes:
        plain: Name of the module there.
        shared: Name of the module here.
        slot: Which of its equal pieces along the filters.
        slots: How many pieces there are; 0 if the module is the same for all edges.
    """

    plain: str
    shared: str
    slot: int = 0
    slots: int = 0


def to_shared(space: SearchSpace, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state of the plain engine as the shared one keeps it.

    Args:
        space: Of the supernet.
        state: `state_dict` of the plain engine, or some of its entries: all edges of a state.

    Raises:
        SearchSpaceError: Batch norms that read the same state differ, or an edge is missing.
    """
    routes = {route.plain: route for route in _routes(space)}
    found: dict[str, Tensor] = {}
    pieces: dict[str, dict[int, Tensor]] = {}
    slots: dict[str, int] = {}
    for key, value in state.items():
        module, _, leaf = key.rpartition(".")
        route = routes.get(module)
        name = key if route is None else f"{route.shared}.{leaf}"
        if route is not None and route.slots:
            pieces.setdefault(name, {})[route.slot] = value
            slots[name] = route.slots
        elif name in found and not torch.equal(found[name], value):
            raise SearchSpaceError(
                f"batch norms that read the same state must be equal (got others in `{key}`)"
            )
        else:
            found[name] = value
    for name, parts in pieces.items():
        if len(parts) < slots[name]:
            raise SearchSpaceError(
                f"the state must hold all edges (got {len(parts)} of {slots[name]} for `{name}`)"
            )
        found[name] = torch.cat([parts[slot] for slot in range(slots[name])])
    return found


def from_shared(space: SearchSpace, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state of the shared engine as the plain one keeps it; the inverse of `to_shared`.

    Args:
        space: Of the supernet.
        state: `state_dict` of the shared engine, or some of its entries.
    """
    routes: dict[str, list[_Route]] = {}
    for route in _routes(space):
        routes.setdefault(route.shared, []).append(route)
    found: dict[str, Tensor] = {}
    for key, value in state.items():
        module, _, leaf = key.rpartition(".")
        if module not in routes:
            found[key] = value
        for route in routes.get(module, ()):
            piece = value.chunk(route.slots)[route.slot] if route.slots else value
            found[f"{route.plain}.{leaf}"] = piece.clone()
    return found


def _routes(space: SearchSpace) -> Iterator[_Route]:
    real = real_convs(space)
    for cell in range(space.cells):
        for state in range(NUM_CELL_INPUTS + space.nodes - 1):
            edges = [space.edge(node, state) for node in space.readers(state)]
            for layer in space.layers:
                here = f"cells.{cell}.states.{state}"
                there = [f"cells.{cell}.edges.{edge}.{layer.name}" for edge in edges]
                if layer.kind == "binary_conv":
                    is_real = [(cell, edge, layer.name) in real for edge in edges]
                    yield from (_Route(f"{name}.bn", f"{here}.bn") for name in there)
                    yield from _conv_routes(there, is_real, f"{here}.convs.{layer.name}.parts")
                elif layer.kind != "zero":
                    norm = f"{here}.norms.{layer.name}"
                    yield from (_Route(f"{name}.bn", norm) for name in there)


def _conv_routes(names: list[str], is_real: list[bool], shared: str) -> Iterator[_Route]:
    """Route convolutions of one primitive and state; the binary ones are the first part."""
    for part, wanted in enumerate(dict.fromkeys(sorted(is_real))):
        members = [name for name, kept in zip(names, is_real, strict=True) if kept == wanted]
        for slot, name in enumerate(members):
            yield _Route(f"{name}.conv", f"{shared}.{part}", slot, len(members))
