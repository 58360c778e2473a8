"""Drop-path, and the twins of a network that are not, or not wholly, binary."""

from __future__ import annotations

import copy
from typing import Any

import attrs
import pytest
import torch
import torch.nn.functional as functional

from bnas import cells
from bnas.cells.nn import BinaryConv2d, Network

SPEC = cells.NetworkSpec(
    genotype=cells.genotypes["bnas-imagenet"], num_cells=3, channels=4, num_classes=3
)
IMAGES = torch.randn((4, 3, 16, 16), generator=torch.Generator().manual_seed(0))


def network_of(spec: cells.NetworkSpec = SPEC, **options: Any) -> Network:
    torch.manual_seed(0)
    return Network(spec, **options).train()


def test_edges_that_drop_path_drops_are_those_of_the_cells() -> None:
    network = network_of()
    edges = [name.rsplit(".", 1)[0] for name in network.drop_path_edges]
    # Four edges of each of the two reduction cells are the same pooling.
    assert len(edges) == 2 * 4 * SPEC.num_cells - 2 * 3
    assert all(".ops." in name for name in network.drop_path_edges)
    zeroise = network_of(attrs.evolve(SPEC, genotype=cells.genotypes["bnas-cifar10"]))
    assert len(zeroise.drop_path_edges) < len(edges)


def test_dropped_edges_are_zero_and_kept_ones_scaled() -> None:
    network = network_of()
    network.draw_drop_path_(0.5, 4, torch.Generator().manual_seed(1))
    scales = network.drop_path_scales
    assert scales is not None
    assert scales.shape == (len(network.drop_path_edges), 4)
    assert set(scales.unique().tolist()) == {0.0, 2.0}
    values = network.evaluate(IMAGES, network.drop_path_edges)
    first = network.drop_path_edges[0]
    plain = copy.deepcopy(network)
    plain.clear_drop_path_()
    expected = plain.evaluate(IMAGES, [first])[first] * scales[0][:, None, None, None]
    torch.testing.assert_close(values[first], expected)


def test_the_same_state_drops_the_same_edges_and_evaluation_none() -> None:
    network = network_of()
    drawn = []
    for seed in (1, 1, 2):
        network.draw_drop_path_(0.5, 4, torch.Generator().manual_seed(seed))
        drawn.append(network.drop_path_scales)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    network.eval()
    dropped = network(IMAGES)
    network.clear_drop_path_()
    assert torch.equal(network(IMAGES), dropped)


def test_probability_zero_changes_nothing() -> None:
    network = network_of()
    expected = network(IMAGES)
    network.draw_drop_path_(0.0, 4, torch.Generator().manual_seed(1))
    torch.testing.assert_close(network(IMAGES), expected)


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_a_probability_outside_its_range_is_refused(probability: float) -> None:
    with pytest.raises(cells.GraphError, match="`probability` must be >= 0 and < 1 .got"):
        network_of().draw_drop_path_(probability, 4, torch.Generator())


# Dynamo's own.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_a_compiled_network_is_compiled_once_and_drops_the_same() -> None:
    graphs = []

    def count(module: torch.fx.GraphModule, _: list[torch.Tensor]) -> Any:
        graphs.append(module)
        return module.forward

    network = network_of()
    compiled = torch.compile(network, backend=count, dynamic=False)
    source = torch.Generator().manual_seed(0)
    for probability in (0.0, 0.3, 0.6, 0.9):
        network.draw_drop_path_(probability, 4, source)
        torch.testing.assert_close(compiled(IMAGES), network(IMAGES))
    assert len(graphs) == 1


@pytest.mark.parametrize("binarize", ["activations", "none"])
def test_real_weights_are_convolved_as_they_are(binarize: Any) -> None:
    network = network_of(binarize=binarize)
    name, module = next(
        (name, m) for name, m in network.named_modules() if isinstance(m, BinaryConv2d)
    )
    before = module.weight.detach().clone()
    network.project_latents_()
    assert torch.equal(module.weight, before)
    sign_name, before_sign = (f"{name.removesuffix('conv')}{part}" for part in ("sign", "bn"))
    source = sign_name if binarize == "activations" else before_sign
    assert network.graph[name].inputs == (source,)
    values = network.evaluate(IMAGES, [before_sign, source, name])
    node = module.node
    geometry = (node.stride, node.padding, node.dilation, node.groups)
    expected = functional.conv2d(values[source], module.weight, None, *geometry)
    torch.testing.assert_close(values[name], expected)
    if binarize == "activations":
        signs = torch.where(values[before_sign] >= 0, 1.0, -1.0)
        assert torch.equal(values[sign_name].detach(), signs)


def test_stages_load_each_other_s_states() -> None:
    first, second = network_of(binarize="activations"), network_of()
    second.load_state_dict(first.state_dict())
    assert first.state_dict().keys() == second.state_dict().keys()
    with pytest.raises(cells.GraphError, match="`binarize` must be one of"):
        Network(SPEC, binarize="weights")  # type: ignore[arg-type]


def test_evaluation_of_the_twin_is_its_training_function() -> None:
    """With the statistics of the batch itself, both modes compute the same."""
    network = network_of(binarize="none")
    with torch.no_grad():
        for _ in range(400):
            expected = network(IMAGES)
        found = network.eval()(IMAGES)
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.05)
