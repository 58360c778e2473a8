from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bnas import cells
from bnas.cells import FloatTwin, SpecError, nodes
from bnas.cells.nn import Network
from bnas.cells.testing import darts_specs, network_specs, resnet_specs

SMALL = st.one_of(
    network_specs(max_cells=3, max_channels=6),
    darts_specs(max_cells=3, max_channels=6),
    resnet_specs(max_width=4),
)


@settings(max_examples=30)
@given(spec=SMALL)
def test_nothing_of_a_twin_is_binary(spec: cells.Spec) -> None:
    whole, twin = spec.lower(), FloatTwin(spec).lower()
    assert not any(isinstance(node, nodes.Sign | nodes.BinaryConv) for node in twin)
    signs = [node.name for node in whole if isinstance(node, nodes.Sign)]
    assert [node.name for node in whole if node.name not in signs] == [node.name for node in twin]
    assert twin.taps == whole.taps
    report, float_report = cells.cost(spec), cells.cost(FloatTwin(spec))
    assert float_report.params == report.params
    assert float_report.real_macs == report.real_macs + report.binary_macs
    assert (float_report.binary_macs, float_report.binary_params) == (0, 0)


@settings(max_examples=10)
@given(spec=SMALL)
def test_the_twin_is_what_a_network_without_binarisation_computes(spec: cells.Spec) -> None:
    side = 16 if spec.template == "cifar" else 64
    network = Network(spec, binarize="none")
    twin = Network(FloatTwin(spec))
    assert [node.name for node in twin.graph] == [node.name for node in network.graph]
    state = {name: value for name, value in network.state_dict().items() if "scale" not in name}
    twin.load_state_dict(state)
    images = torch.randn((3, 3, side, side), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for mode in (True, False):
            assert torch.equal(twin.train(mode)(images), network.train(mode)(images))


@settings(max_examples=30)
@given(spec=SMALL)
def test_json_round_trip(spec: cells.Spec) -> None:
    twin = FloatTwin(spec)
    assert FloatTwin.from_json(twin.to_json()) == twin == cells.spec_from_json(twin.to_json())
    assert cells.spec_from_json(twin.to_json()).to_json() == twin.to_json()


def test_a_twin_by_name_has_the_fields_of_its_network() -> None:
    twin = cells.spec("bi-real-18.FLOAT", num_classes=7, width=8)
    assert twin == FloatTwin(cells.spec("Bi-Real-18", num_classes=7, width=8))
    assert (twin.template, twin.input_size, twin.num_classes) == ("imagenet", 224, 7)
    assert twin.num_cells == 8
    assert cells.cost(cells.spec("BNAS-A.float")).model == "BNAS-A.float"


def test_twins_of_other_things_are_refused() -> None:
    twin = cells.spec("BNAS-A.float")
    with pytest.raises(SpecError, match="no float twin .got FloatTwin"):
        FloatTwin(twin)
    with pytest.raises(SpecError, match="got str"):
        FloatTwin("BNAS-A")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON text"),
        ('{"kind": "float"}', "must have the keys `kind`"),
        ('{"kind": "float", "spec": 3}', "must be a JSON object .got int"),
        ('{"kind": "float", "spec": {}}', "`kind` of a network specification must be one of"),
        ('{"kind": "float", "spec": {"kind": "float", "spec": {}}}', "no twin itself"),
        ('{"kind": "float", "spec": {"kind": "resnet"}, "more": 1}', "must have the keys"),
    ],
)
def test_wrong_json_is_named(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        FloatTwin.from_json(text)


def test_signs_that_are_observed_give_way_to_what_they_read() -> None:
    graph = cells.Graph(
        nodes=(
            nodes.Input(name="input"),
            nodes.Sign(name="once", inputs=("input",)),
            nodes.Sign(name="twice", inputs=("once",)),
        ),
        output="twice",
        taps={"first": "once"},
    )
    twin = cells.float_twin(graph)
    assert (twin.output, twin.taps, len(twin)) == ("input", {"first": "input"}, 1)


def test_evolved_specs_have_other_twins() -> None:
    spec = cells.spec("ResNet-18")
    assert FloatTwin(spec) != FloatTwin(attrs.evolve(spec, width=32))
    assert len({FloatTwin(spec), FloatTwin(cells.spec("ResNet-18"))}) == 1
