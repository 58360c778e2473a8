from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnas.cells import Genotype, Graph, NetworkSpec, lower, nodes, prune, spec, zero_channels
from bnas.cells.nn import Network
from bnas.cells.testing import network_specs

NONE = ("none", 0)
ALL_ZERO = Genotype(normal=(NONE, NONE), reduce=(NONE, NONE), concat=(2,))
DEAD = NetworkSpec(genotype=ALL_ZERO, num_cells=4, channels=2, skip="none")
# The zeros of cell 0 are first read by its concatenation, which nothing reads.
DEAD_READER_OF_ZEROS = attrs.evolve(
    DEAD,
    num_cells=6,
    channels=1,
    genotype=Genotype(
        normal=(("none", 0), ("none", 0), ("none", 0), ("max_pool_3x3", 0)),
        reduce=(("none", 0),) * 4,
        concat=(2, 3),
    ),
)
DEAD_BUT_FOR_A_SKIP = attrs.evolve(DEAD, skip="both", reduction_skip="pool", num_cells=5)


def twins(network: NetworkSpec, seed: int) -> tuple[Network, Network]:
    """Return the network as specified and pruned, with the same random parameters."""
    torch.manual_seed(seed)
    whole, pruned = Network(network, pruned=False), Network(network)
    state = whole.state_dict()
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.normal_()
    pruned.load_state_dict({name: state[name] for name in pruned.state_dict()})
    return whole, pruned


def assert_same(whole: dict[str, Tensor], pruned: dict[str, Tensor]) -> None:
    assert set(pruned) <= set(whole)
    different = [name for name in pruned if not torch.equal(whole[name], pruned[name])]
    assert different == []


@settings(max_examples=25)
@given(network=network_specs(), seed=st.integers(0, 2**31))
@example(network=DEAD, seed=0)
@example(network=DEAD_BUT_FOR_A_SKIP, seed=0)
def test_pruning_changes_no_bit_of_the_function(network, seed):
    whole, pruned = twins(network, seed)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert_same(whole.eval().trace(images), pruned.eval().trace(images))
        # Statistics that training gathers are values too.
        assert_same(whole.train().trace(images), pruned.train().trace(images))
    assert_same(whole.state_dict(), pruned.state_dict())


@settings(max_examples=50)
@given(network=network_specs())
@example(network=DEAD)
@example(network=DEAD_BUT_FOR_A_SKIP)
def test_no_zeros_are_computed_and_nothing_is_dead(network):
    graph = prune(lower(network))
    readers = graph.consumers()
    zeros = [node for node in graph if isinstance(node, nodes.Zero)]
    assert all(zero.inputs == ("input",) for zero in zeros)
    assert len({(zero.channels, zero.stride) for zero in zeros}) == len(zeros)
    useless = (nodes.Add, nodes.ReLU, nodes.MaxPool, nodes.BinaryConv, nodes.Identity)
    reading = {type(reader) for zero in zeros for reader in readers[zero.name]}
    assert reading.isdisjoint(useless)
    assert graph.live() == graph
    assert not any(isinstance(node, nodes.Identity) for node in graph)


@settings(max_examples=50)
@given(network=network_specs())
@example(network=DEAD)
def test_nothing_is_computed_twice(network):
    graph = prune(lower(network))
    free = [node for node in graph if not node.has_parameters]
    functions = [(type(node), attrs.evolve(node, name="", cell="", role="op")) for node in free]
    assert len(set(functions)) == len(functions)


@settings(max_examples=50)
@given(network=network_specs())
@example(network=DEAD)
@example(network=DEAD_BUT_FOR_A_SKIP)
@example(network=DEAD_READER_OF_ZEROS)
def test_pruning_twice_is_pruning_once(network):
    once = prune(lower(network))
    assert prune(once) == once


@settings(max_examples=30)
@given(network=network_specs())
@example(network=DEAD)
def test_what_is_left_keeps_its_shape_and_its_taps(network):
    whole = lower(network)
    pruned = prune(whole)
    shapes, before = pruned.shapes((64, 32)), whole.shapes((64, 32))
    assert shapes.items() >= {pruned.output: before[whole.output]}.items()
    assert {name: shapes[name] for name in shapes if name in before}.items() <= before.items()
    for label, name in pruned.taps.items():
        assert shapes[name] == before[whole.taps[label]]


def test_dead_preprocessing_goes():
    graph = prune(lower(spec("BNAS-A")))
    dead = [name for name in graph.channels if ".preprocess1." in name and is_reduction(name)]
    alive = {name.split(".")[1] for name in graph.channels if ".preprocess1." in name}
    assert dead == []
    assert len(alive) == 18


def is_reduction(name: str) -> bool:
    return int(name.split(".")[1]) in spec("BNAS-A").reductions


def test_equal_pools_are_computed_once():
    whole = lower(spec("BNAS-A"))
    pruned = prune(whole)
    pools = [
        [node.name for node in graph if isinstance(node, nodes.MaxPool)]
        for graph in (whole, pruned)
    ]
    assert (len(pools[0]), pools[1]) == (4, ["cells.6.ops.0", "cells.13.ops.0"])
    slots = pruned["cells.6.concat"].inputs
    assert slots == ("cells.6.ops.0", "cells.6.ops.0", "zero.72x2", "zero.72x2")


def test_the_published_cells_after_pruning():
    graph = prune(lower(spec("BNAS-A")))
    cell = [node.name.removeprefix("cells.1.") for node in graph if node.cell == "cell_01"]
    blocks = ["preprocess0", "preprocess1", "ops.1", "ops.2"]
    parts = [f"{block}.{part}" for block in blocks for part in ("bn", "sign", "conv", "relu")]
    assert cell == [*parts, "concat", "output"]
    assert graph["cells.1.concat"].inputs == (
        "cells.1.ops.1.relu",
        "cells.1.ops.2.relu",
        *["zero.36x1"] * 2,
    )
    # The ImageNet cells have no Zeroise: only three of four equal pools of each reduction cell go.
    whole, pruned = lower(spec("BNAS-D")), prune(lower(spec("BNAS-D")))
    gone = [node for node in whole if node.name not in pruned.channels]
    assert {(type(node), node.cell) for node in gone} == {
        (nodes.MaxPool, "cell_04"),
        (nodes.MaxPool, "cell_08"),
    }
    assert len(gone) == 6


def test_a_sum_keeps_only_what_is_not_zero():
    graph = prune(lower(spec("BNAS-A")))
    sums = [node.name for node in graph if isinstance(node, nodes.Add)]
    assert sums == [f"cells.{index}.output" for index in range(1, 20)]


def test_zero_slots_of_the_first_stage_are_known():
    network = spec("BNAS-A")
    graph = prune(lower(network))
    zeros = zero_channels(graph)
    for index in range(network.num_cells):
        known = zeros[graph.taps[f"cell_{index:02d}"]]
        half = (False,) * (len(known) // 2) + (True,) * (len(known) // 2)
        assert known == (half if index < 6 else (False,) * len(known))


@settings(max_examples=20)
@given(network=network_specs(), seed=st.integers(0, 2**31), pruned=st.booleans())
@example(network=DEAD, seed=0, pruned=False)
@example(network=attrs.evolve(spec("BNAS-Mini"), channels=2), seed=0, pruned=True)
def test_channels_called_zero_are_zero(network, seed, pruned):
    module = twins(network, seed)[pruned].eval()
    with torch.no_grad():
        values = module.trace(torch.randn(2, 3, 32, 32))
    zeros = zero_channels(module.graph)
    for label, name in module.graph.taps.items():
        known = torch.tensor(zeros[name])
        assert values[label].shape[1] == len(known)
        assert not values[label][:, known].any()
    assert not any(zeros[module.graph.output])


def test_channels_not_called_zero_are_not():
    # Positive weights and no negative sign: every count that is not padding alone is positive.
    module = Network(attrs.evolve(spec("BNAS-Mini"), channels=2)).eval()
    state = module.state_dict()
    for name, tensor in state.items():
        is_shift = name.endswith("bias") and ".bn." in name
        tensor.fill_(100.0 if is_shift else 0.0 if name.endswith("running_mean") else 1.0)
    module.load_state_dict(state)
    with torch.no_grad():
        values = module.trace(torch.randn(1, 3, 32, 32))
    zeros = zero_channels(module.graph)
    for label, name in module.graph.taps.items():
        assert values[label].ne(0).amax(dim=(0, 2, 3)).logical_not().tolist() == list(zeros[name])


IMAGES = nodes.Input(name="input", channels=2)


def chain(*kinds: nodes.Node) -> Graph:
    """Chain nodes one after another, behind the images."""
    listed: list[nodes.Node] = [IMAGES]
    for node in kinds:
        listed.append(attrs.evolve(node, inputs=(listed[-1].name,)))
    return Graph(nodes=listed, output=listed[-1].name)


ZERO = nodes.Zero(name="nothing", channels=2, stride=2)
PADDED = nodes.BinaryConv(name="conv", in_channels=2, out_channels=4, kernel=3, padding=1)
NORM = nodes.BatchNorm(name="bn", channels=4)


def test_zeros_pass_what_keeps_them_zero():
    middle = (PADDED, nodes.ReLU(name="relu"), nodes.AvgPool(name="pool", kernel=3, padding=1))
    graph = prune(chain(ZERO, *middle, nodes.Identity(name="same"), NORM))
    zero = nodes.Zero(name="zero.4x2", inputs=("input",), channels=4, stride=2)
    assert graph.nodes == (IMAGES, zero, attrs.evolve(NORM, inputs=("zero.4x2",)))


@pytest.mark.parametrize(
    "kind",
    [
        nodes.BatchNorm(name="stop", channels=2),
        nodes.Sign(name="stop"),
        nodes.RPReLU(name="stop", channels=2),
        nodes.Conv(name="stop", in_channels=2, out_channels=2, bias=True),
    ],
)
def test_zeros_stop_where_they_become_something_else(kind):
    graph = prune(chain(ZERO, kind, nodes.ReLU(name="relu")))
    assert [node.name for node in graph] == ["input", "zero.2x2", "stop", "relu"]
    assert zero_channels(graph)["relu"] == (False, False)


@pytest.mark.parametrize(
    "kind",
    [
        attrs.evolve(PADDED, padding=0),
        attrs.evolve(PADDED, kernel=2, stride=2, padding=0),
        nodes.MaxPool(name="conv", kernel=2, stride=2),
        nodes.GlobalAvgPool(name="conv"),
    ],
)
def test_zeros_keep_a_size_that_no_stride_tells(kind):
    graph = chain(ZERO, kind, nodes.Sign(name="sign"))
    pruned = prune(graph)
    assert pruned.shapes((15, 11))["sign"] == graph.shapes((15, 11))["sign"]
    assert prune(pruned) == pruned


def test_zeros_stay_in_their_groups_of_channels() -> None:
    def conv(groups: int, bias: bool = False) -> nodes.Conv:
        sizes = {"in_channels": 4, "out_channels": 8, "groups": groups, "bias": bias}
        return nodes.Conv(name="conv", inputs=("half",), **sizes)

    images = nodes.Input(name="input", channels=2)
    zero = nodes.Zero(name="zero", inputs=("input",), channels=2)
    half = nodes.Concat(name="half", inputs=("input", "zero"))
    for groups, bias, zeros in ((1, False, 0), (2, False, 4), (4, False, 4), (2, True, 0)):
        graph = Graph(nodes=(images, zero, half, conv(groups, bias)), output="conv")
        assert zero_channels(graph)["conv"] == (False,) * (8 - zeros) + (True,) * zeros
        assert prune(graph) == prune(prune(graph))


def test_layers_with_parameters_are_never_merged():
    norms = [nodes.BatchNorm(name=name, inputs=("input",), channels=2) for name in "ab"]
    total = nodes.Add(name="sum", inputs=("a", "b"))
    graph = Graph(nodes=(IMAGES, *norms, total), output="sum")
    assert prune(graph) == graph


def test_a_tap_that_the_output_does_not_need_is_dropped():
    relu = nodes.ReLU(name="relu", inputs=("input",))
    sign = nodes.Sign(name="sign", inputs=("input",))
    graph = Graph(nodes=(IMAGES, relu, sign), output="sign", taps={"a": "relu", "b": "sign"})
    assert prune(graph).taps == {"b": "sign"}
