"""The strategies draw valid genotypes and networks, within their bounds, and all kinds of them."""

from __future__ import annotations

import importlib
import sys

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from bnas.cells.errors import CellsError
from bnas.cells.genotype import Genotype
from bnas.cells.graph_spec import NODE_TYPES, GraphSpec
from bnas.cells.lower import lower
from bnas.cells.nodes import Conv
from bnas.cells.primitives import PRIMITIVES
from bnas.cells.prune import prune
from bnas.cells.spec import NetworkSpec
from bnas.cells.testing import genotypes, graph_specs, network_specs, resnet_specs


@given(genotypes())
def test_genotypes_round_trip(genotype: Genotype) -> None:
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert 1 <= genotype.num_nodes <= 6


@given(st.data(), st.integers(1, 9), st.sets(st.sampled_from(list(PRIMITIVES)), min_size=1))
def test_genotypes_keep_their_bounds(data: st.DataObject, nodes: int, names: set[str]) -> None:
    genotype = data.draw(genotypes(num_nodes=nodes, primitives=sorted(names)))
    assert genotype.num_nodes == nodes
    assert {op for op, _ in genotype.normal + genotype.reduce} <= names
    assert data.draw(genotypes(max_nodes=2)).num_nodes <= 2


@given(network_specs())
def test_specs_round_trip_lower_and_prune(spec: NetworkSpec) -> None:
    assert NetworkSpec.from_json(spec.to_json()) == spec
    graph = lower(spec)
    shapes = graph.shapes(spec.input_size)
    pruned = prune(graph)
    assert len(pruned) <= len(graph) + len(spec.reductions) + 1  # it names the zeros of each size
    assert pruned.shapes(spec.input_size)[pruned.output] == shapes[graph.output]
    assert shapes[graph.output] == (spec.num_classes, 1, 1)


@given(st.data(), st.integers(1, 5), st.integers(2, 9))
def test_specs_keep_their_bounds(data: st.DataObject, cells: int, channels: int) -> None:
    wiring = data.draw(genotypes(num_nodes=1))
    spec = data.draw(
        network_specs(
            wirings=st.just(wiring),
            templates=("imagenet",),
            max_cells=cells,
            max_channels=channels,
            skips=("both", "none"),
            reduction_skips=("pool",),
        )
    )
    assert (spec.genotype, spec.template, spec.reduction_skip) == (wiring, "imagenet", "pool")
    assert spec.num_cells <= cells
    assert spec.channels <= channels
    assert spec.skip != "previous"


@pytest.mark.parametrize(
    "kind",
    [
        lambda spec: spec.template == "imagenet" and spec.skip == "both",
        lambda spec: spec.num_cells == 1,
        lambda spec: spec.num_cells == 9 and spec.channels > 8,
        lambda spec: spec.real_weight_tail == 2 and spec.reduction_skip == "binary",
        lambda spec: 0 not in {source for _, source in spec.genotype.normal},
        lambda spec: {op for op, _ in spec.genotype.reduce} == {"none"},
        lambda spec: len(spec.genotype.concat) < spec.genotype.num_nodes,
        lambda spec: spec.genotype.concat[0] > spec.genotype.concat[-1],
    ],
)
def test_every_kind_of_network_is_drawn(kind: object) -> None:
    assert find(network_specs(), kind)


def test_without_hypothesis_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "bnas.cells.testing")
    with pytest.raises(ImportError, match=r'pip install "bnas-cells\[testing\]"') as caught:
        importlib.import_module("bnas.cells.testing")
    assert isinstance(caught.value, CellsError)
    assert caught.value.extra == "testing"


@given(st.data(), st.integers(1, 3), st.integers(1, 4))
def test_residual_networks_keep_their_bounds(data: st.DataObject, stages: int, width: int) -> None:
    drawn = resnet_specs(blocks=["bn_sign_conv"], max_stages=stages, max_blocks=1, max_width=width)
    spec = data.draw(drawn)
    assert spec.block == "bn_sign_conv"
    assert spec.num_cells == len(spec.blocks) <= stages
    assert spec.width <= width
    assert spec.lower().shapes(spec.input_size)


def test_graphs_have_nodes_of_every_kind() -> None:
    seen: set[str] = set()

    @settings(max_examples=100, phases=[Phase.generate])
    @given(graph_specs())
    def collect(spec: GraphSpec) -> None:
        seen.update(type(node).__name__ for node in spec.lower())

    collect()
    assert seen == set(NODE_TYPES)


@given(graph_specs(max_nodes=3, max_channels=2))
def test_graphs_keep_their_bounds(spec: GraphSpec) -> None:
    convs = [node for node in spec.lower() if isinstance(node, Conv)]
    assert len(convs) <= 3
    assert all(conv.out_channels <= 2 for conv in convs)
