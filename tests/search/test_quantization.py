"""The quantisation error against plain sums, computed by hand from the state of a network."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import attrs
import pytest
import torch
from torch import Tensor

from bnas import cells, search
from bnas.cells.nn import Network
from bnas.search.augmentation import evaluation_batch

Coloured = Callable[[int, int], search.ImageSet]
SPECS = {
    "bnas": cells.NetworkSpec(
        genotype=cells.genotypes["bnas-imagenet"],
        num_cells=3,
        channels=4,
        num_classes=2,
        reduction_skip="binary",
    ),
    "bi-real": cells.ResNetSpec(blocks=(1, 1), width=3, template="cifar", num_classes=2),
}


@pytest.fixture(params=sorted(SPECS))
def network(request: pytest.FixtureRequest) -> Network:
    """Return a network whose batch norms have seen some batches, and are not at their start."""
    torch.manual_seed(0)
    network = Network(SPECS[request.param])
    for _ in range(3):
        network(torch.randn(4, 3, 8, 8))
    for name, parameter in network.named_parameters():
        if ".bn." in name or name.endswith("bn.bias"):
            parameter.data.add_(0.3 * torch.randn_like(parameter))
    network.project_latents_()
    return network.eval()


def normalised(images: search.ImageSet) -> Tensor:
    return evaluation_batch(images.images, search.CIFAR, None, None)


def norm(values: Tensor) -> float:
    return math.sqrt(math.fsum((values.double() ** 2).flatten().tolist()))


def cosine_of(first: Tensor, second: Tensor) -> float:
    return float((first.double() * second.double()).sum()) / norm(first) / norm(second)


def convolve_by_hand(x: Tensor, weight: Tensor, node: cells.nodes.BinaryConv) -> Tensor:
    """Sum up tap by tap, in float64; a padded tap contributes nothing."""
    count, _, height, width = x.shape
    _, rows, columns = node.infer(((node.in_channels, height, width),))
    out = torch.zeros(count, node.out_channels, rows, columns, dtype=torch.float64)
    for i, j, row, column in product(
        range(node.kernel), range(node.kernel), range(rows), range(columns)
    ):
        y = row * node.stride - node.padding + i * node.dilation
        x_ = column * node.stride - node.padding + j * node.dilation
        if 0 <= y < height and 0 <= x_ < width:
            out[:, :, row, column] += x[:, :, y, x_].double() @ weight[:, :, i, j].double().T
    return out


def test_layers_are_as_computed_by_hand(network: Network, coloured: Coloured) -> None:
    images = coloured(3, 7)
    found = search.quantization_error(network, images, search.CIFAR, batch_size=2)
    graph = network.graph
    convs = [node for node in graph if isinstance(node, cells.nodes.BinaryConv)]
    assert [each.layer for each in found.layers] == [node.name for node in convs]
    wanted = [name for node in convs for name in (graph[node.inputs[0]].inputs[0], node.name)]
    with torch.no_grad():
        values = network.evaluate(normalised(images), wanted)
    for node, layer in zip(convs, found.layers, strict=True):
        weight = network.get_submodule(node.name).weight.detach()
        operand = values[graph[node.inputs[0]].inputs[0]]
        real = convolve_by_hand(operand, weight, node)
        signs = torch.where(operand >= 0, 1.0, -1.0)
        counts = convolve_by_hand(signs, torch.where(weight >= 0, 1.0, -1.0), node)
        binary = counts * weight.abs().mean(dim=(1, 2, 3)).double()[:, None, None]
        assert layer.relative_error == pytest.approx(norm(real - binary) / norm(real), rel=1e-5)
        assert layer.cosine == pytest.approx(cosine_of(real, binary), rel=1e-5)
        nearer = (real.abs() < (real - binary).abs()).double().mean()
        assert layer.zeros_nearer == pytest.approx(float(nearer), abs=2 / real.numel())
        assert (layer.positions, layer.cell) == (real.numel(), node.cell)
    total = sum(each.positions for each in found.layers)
    nearer = sum(each.zeros_nearer * each.positions for each in found.layers) / total
    assert found.zeros_nearer == pytest.approx(nearer)
    assert 0 < found.zeros_nearer < 1
    worse = [each.relative_error > 1 for each in found.layers]
    assert found.layers_where_zeros_are_nearer == sum(worse) / len(worse)


def test_cells_are_compared_with_the_network_of_real_operands(
    network: Network, coloured: Coloured
) -> None:
    images = coloured(3, 7)
    found = search.quantization_error(network, images, search.CIFAR)
    twin = Network(network.spec, binarize="none").eval()
    twin.load_state_dict(network.state_dict())
    with torch.no_grad():
        binary, real = network.trace(normalised(images)), twin.trace(normalised(images))
    taps = [label for label in binary if label != "logits"]
    assert [cell.cell for cell in found.cells] == taps
    for cell in found.cells:
        c, r = binary[cell.cell], real[cell.cell]
        assert cell.accumulated_error == pytest.approx(norm(r - c) / norm(r), rel=1e-4)
        assert cell.accumulated_cosine == pytest.approx(cosine_of(r, c), rel=1e-4)
    # What is fed to each cell of the network of real operands: the binary network's values.
    with torch.no_grad():
        kept = network.evaluate(normalised(images), network.graph.taps.values())
        for cell in found.cells:
            r = _of_same_input(twin, cell.cell, kept, normalised(images))
            c = binary[cell.cell]
            assert cell.relative_error == pytest.approx(norm(r - c) / norm(r), rel=1e-4)
            assert cell.cosine == pytest.approx(cosine_of(r, c), rel=1e-4)
    assert found.cells[0].relative_error == found.cells[0].accumulated_error == 0  # the stem
    assert found.cells[-1].relative_error > 0


def _of_same_input(twin: Network, label: str, kept: dict[str, Tensor], images: Tensor) -> Tensor:
    """Run the nodes of one cell alone, on the values of cells before."""
    values = {twin.graph.input.name: images, **kept}
    for node, module, _ in twin.steps:
        if node.cell == label:
            values[node.name] = module(*(values[name] for name in node.inputs))
    return values[twin.graph.taps[label]]


def test_what_is_real_already_has_no_error(
    tiny_spec: cells.NetworkSpec, coloured: Coloured
) -> None:
    found = search.quantization_error(
        Network(cells.FloatTwin(tiny_spec)), coloured(2, 0), search.CIFAR
    )
    assert found.layers == ()
    assert math.isnan(found.zeros_nearer)
    assert math.isnan(found.layers_where_zeros_are_nearer)
    assert all(cell.relative_error == cell.accumulated_error == 0 for cell in found.cells)


def test_weights_of_nothing_but_zeros_have_no_error(
    tiny_spec: cells.NetworkSpec, coloured: Coloured
) -> None:
    network = Network(tiny_spec)
    conv = next(node for node in network.graph if isinstance(node, cells.nodes.BinaryConv))
    torch.nn.init.zeros_(network.get_submodule(conv.name).weight)
    found = search.quantization_error(network, coloured(2, 0), search.CIFAR)
    layer = found.layers[0]
    assert (layer.relative_error, layer.cosine, layer.zeros_nearer) == (0, 0, 0)


def _numbers(record: Any) -> list[float]:
    return [value for value in attrs.astuple(record) if not isinstance(value, str)]


def test_a_network_keeps_its_mode_and_state(
    tiny_spec: cells.NetworkSpec, coloured: Coloured
) -> None:
    network = Network(tiny_spec).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = search.quantization_error(network, coloured(5, 0), search.CIFAR, batch_size=5)
    parts = search.quantization_error(network, coloured(5, 0), search.CIFAR, batch_size=2)
    assert network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert first.images == parts.images == 5
    for one, other in zip(first.layers + first.cells, parts.layers + parts.cells, strict=True):
        assert one.cell == other.cell
        assert _numbers(one) == pytest.approx(_numbers(other), rel=1e-5)
    smaller = search.quantization_error(network, coloured(5, 0), search.CIFAR, side=4)
    assert smaller.layers[0].positions == first.layers[0].positions / 4


def test_what_cannot_be_measured_is_refused(
    tiny_spec: cells.NetworkSpec, coloured: Coloured
) -> None:
    images = coloured(2, 0)
    with pytest.raises(search.DataError, match="at least one image"):
        search.quantization_error(Network(tiny_spec), images.take(torch.arange(0)), search.CIFAR)
    for binarize in ("activations", "none"):
        with pytest.raises(
            search.RecipeError, match=rf"`network` must .* \(got binarize='{binarize}"
        ):
            search.quantization_error(Network(tiny_spec, binarize=binarize), images, search.CIFAR)
    with pytest.raises(search.RecipeError, match="`batch_size` must be an integer >= 1"):
        search.quantization_error(Network(tiny_spec), images, search.CIFAR, batch_size=0)
