"""The fused network against the module whose parameters it has."""

from __future__ import annotations

import copy
from typing import Any

import attrs
import pytest
import torch
import torch.nn.functional as functional
from attrs import frozen
from hypothesis import given, settings
from torch import Tensor, nn

from bnas import cells
from bnas.cells import nodes
from bnas.cells.builder import Builder, Value, Window
from bnas.cells.nn import BinaryConv2d, Network, convolve
from bnas.cells.testing import graph_specs
from bnas.search.fused import FusedNetwork

BASE = cells.NetworkSpec(
    genotype=cells.genotypes["bnas-cifar10"], num_cells=5, channels=4, num_classes=3
)
SPECS = {
    "cifar": BASE,
    "no skip": attrs.evolve(BASE, skip="none"),
    "both skips": attrs.evolve(BASE, skip="both"),
    "pool": attrs.evolve(BASE, reduction_skip="pool"),
    "binary": attrs.evolve(BASE, reduction_skip="binary"),
    "dense cells": attrs.evolve(BASE, genotype=cells.genotypes["bnas-imagenet"]),
    "imagenet": attrs.evolve(BASE, genotype=cells.genotypes["bnas-imagenet"], template="imagenet"),
    "imagenet, zeroise": attrs.evolve(BASE, template="imagenet"),
    "real tail": attrs.evolve(BASE, real_weight_tail=2),
    "rprelu": attrs.evolve(BASE, activation="rprelu"),
    "depthwise": cells.spec("DARTS-V2", num_cells=3, channels=8, num_classes=3),
    "groups": cells.spec("BATS-style", num_cells=3, channels=24, num_classes=3),
    "groups, real": cells.spec("BATS-style-real", num_cells=3, channels=12, num_classes=3),
    "depthwise, skips": attrs.evolve(BASE, genotype=cells.genotypes["darts-v2"], num_cells=3),
}


def network_of(spec: cells.NetworkSpec, **options: Any) -> Network:
    torch.manual_seed(0)
    network = Network(spec, **options)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bn.bias"):
                parameter.uniform_(-0.5, 0.5)
    network.project_latents_()
    return network


def images_of(spec: cells.NetworkSpec) -> Tensor:
    side = 16 if spec.template == "cifar" else 64
    source = torch.Generator().manual_seed(1)
    return torch.randn((6, 3, side, side), generator=source).bfloat16().float()


class _RoundedNetwork(nn.Module):
    """The module with every value rounded to bfloat16 where the fused network stores one."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        network = self.network
        values = {network.graph.input.name: images}
        kept = (nodes.ReLU, nodes.Add, nodes.Conv, nodes.BatchNorm, nodes.AvgPool)
        for node, module, _ in network.steps:
            value = _run(module, [values[name] for name in node.inputs])
            readers = network.graph.consumers()[node.name]
            before_sign = isinstance(node, nodes.BatchNorm) and any(
                isinstance(reader, nodes.Sign) for reader in readers
            )
            if isinstance(node, kept) and not before_sign:
                value = _rounded(value)
            values[node.name] = network.drop_path(node.name, value)
        return values[network.graph.output].flatten(1)


def _rounded(value: Tensor) -> Tensor:
    return value + (value.bfloat16().float() - value).detach()


def _run(module: nn.Module, inputs: list[Tensor]) -> Tensor:
    if type(module) is not nn.Conv2d:
        result: Tensor = module(*inputs)
        return result
    weight, bias = _rounded(module.weight), module.bias
    geometry = (module.stride, module.padding, module.dilation, module.groups)
    result = _rounded(functional.conv2d(inputs[0], weight, None, *geometry))
    return result if bias is None else result + _rounded(bias)[:, None, None]


def loss_and_gradients(
    runner: nn.Module, network: Network, images: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    logits = runner(images)
    labels = torch.arange(len(images)) % network.spec.num_classes
    functional.cross_entropy(logits, labels).backward()
    grads = {n: p.grad for n, p in network.named_parameters() if p.grad is not None}
    return logits.detach(), grads


@pytest.mark.parametrize("pruned", [True, False])
@pytest.mark.parametrize("name", SPECS)
def test_training_is_the_module_s_up_to_bfloat16(name: str, pruned: bool) -> None:
    spec = SPECS[name]
    network = network_of(spec, pruned=pruned).train()
    images = images_of(spec)
    twin = copy.deepcopy(network)
    found, grads = loss_and_gradients(FusedNetwork(network), network, images)
    expected, wanted = loss_and_gradients(_RoundedNetwork(twin), twin, images)
    # Here and there a sum within rounding of 0 takes the other sign; and where a channel does not
    # vary, batch norm divides rounding errors by next to nothing. Both stay few.
    scale = float(expected.abs().max())
    assert float((found - expected).abs().mean()) < 0.1 * scale
    assert grads.keys() == wanted.keys()
    alike = [
        float(functional.cosine_similarity(grads[key].flatten(), value.flatten(), dim=0))
        for key, value in wanted.items()
        if float(value.abs().max()) > 1e-6
    ]
    assert sum(each > 0.9 for each in alike) >= 0.75 * len(alike)
    for key, value in twin.named_buffers():
        near = dict(network.named_buffers())[key]
        torch.testing.assert_close(near, value, rtol=0.1, atol=0.05, msg=key)


@pytest.mark.parametrize("name", SPECS)
def test_evaluation_is_the_module_s_up_to_bfloat16(name: str) -> None:
    spec = SPECS[name]
    network = network_of(spec).train()
    images = images_of(spec)
    with torch.no_grad():
        for _ in range(20):
            network(images)
    network.eval()
    with torch.no_grad():
        found, expected = FusedNetwork(network).eval()(images), network(images)
    assert not torch.equal(found, expected) or found.numel() < 4
    assert float((found - expected).abs().max()) < 0.25 * float(expected.abs().max())


def test_one_cell_is_exact_where_nothing_is_rounded() -> None:
    """With one block between stem and classifier, signs agree and so must all that follows."""
    spec = attrs.evolve(BASE, num_cells=1)
    network = network_of(spec).train()
    twin = copy.deepcopy(network)
    images = images_of(spec)
    found, grads = loss_and_gradients(FusedNetwork(network), network, images)
    expected, wanted = loss_and_gradients(_RoundedNetwork(twin), twin, images)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))
    for key, value in wanted.items():
        limit = 0.05 * float(value.abs().max()) + 1e-6
        torch.testing.assert_close(grads[key], value, rtol=0.05, atol=limit, msg=key)


def test_drop_path_drops_the_same_edges() -> None:
    network = network_of(SPECS["dense cells"]).train()
    images = images_of(network.spec)
    network.draw_drop_path_(0.9, len(images), torch.Generator().manual_seed(2))
    with torch.no_grad():
        dropped = FusedNetwork(network)(images)
        expected = _RoundedNetwork(copy.deepcopy(network))(images)
        network.clear_drop_path_()
        whole = FusedNetwork(network)(images)
    assert float((dropped - expected).abs().max()) < 0.3 * float(expected.abs().max())
    assert not torch.allclose(dropped, whole, atol=1e-3)


def test_official_centring_is_honoured() -> None:
    spec = SPECS["depthwise"]
    results = []
    for official in (False, True):
        network = network_of(spec, official_gradient=True, official_centring=official).train()
        _, grads = loss_and_gradients(FusedNetwork(network), network, images_of(spec))
        results.append([grads[key] for key in grads if "depthwise1.conv" in key])
    assert all(grad.any() for grad in results[0])
    assert not any(grad.any() for grad in results[1])


def test_groups_of_zeros_are_left_out_of_what_a_real_convolution_puts_out() -> None:
    build = Builder(role="op")
    first = build.conv(nodes.Conv, "first", build.images(), 4, Window(3, padding=1))
    build.add(nodes.Zero, "zero", first.name, channels=8)
    wide = Value(build.add(nodes.Concat, "wide", first.name, "zero"), 12, 0)
    grouped = build.conv(nodes.Conv, "grouped", wide, 12, Window(3, padding=1, groups=3))
    total = build.add_up("sum", grouped, wide)
    graph = build.finish(build.classify("pool", "fc", total, 3))
    network = network_of(cells.GraphSpec(graph=graph, template="cifar", input_size=16)).train()
    zeros = cells.zero_channels(network.graph)
    assert zeros["grouped"] == zeros["sum"] == (*[False] * 4, *[True] * 8)
    images = images_of(BASE)
    twin = copy.deepcopy(network)
    found, grads = loss_and_gradients(FusedNetwork(network), network, images)
    expected, wanted = loss_and_gradients(_RoundedNetwork(twin), twin, images)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)
    assert not grads["grouped.weight"][4:].any()
    for key, value in wanted.items():
        limit = 0.05 * float(value.abs().max()) + 1e-6
        torch.testing.assert_close(grads[key], value, rtol=0.05, atol=limit, msg=key)


def test_official_gradient_is_honoured() -> None:
    results = []
    for official in (False, True):
        network = network_of(BASE, official_gradient=official).train()
        _, grads = loss_and_gradients(FusedNetwork(network), network, images_of(BASE))
        results.append(grads["cells.2.ops.1.conv.weight"])
    factor = 8 * 9 * (1 - 1 / 8)
    torch.testing.assert_close(results[1], results[0] * factor, rtol=1e-3, atol=1e-6)


@frozen
class _OddSpec:
    """A graph that no specification of cells lowers to."""

    num_classes: int = 3
    template: str = "cifar"

    def lower(self) -> cells.Graph:
        def conv(name: str, source: str, **fields: Any) -> nodes.Node:
            kind = fields.pop("kind", nodes.Conv)
            return kind(name=name, inputs=(source,), cell="", role="op", **fields)

        def simple(kind: Any, name: str, *inputs: str, **fields: Any) -> nodes.Node:
            return kind(name=name, inputs=inputs, cell="", role="op", **fields)

        wide = {"in_channels": 8, "out_channels": 8, "kernel": 3, "padding": 1}
        return cells.Graph(
            nodes=(
                simple(nodes.Input, "input", channels=3),
                conv("a", "input", in_channels=3, out_channels=4, kernel=3, padding=1),
                simple(nodes.Zero, "zero", "a", channels=4, stride=1),
                simple(nodes.Concat, "widened", "a", "zero"),
                simple(nodes.BatchNorm, "bn", "widened", channels=8, affine=True),
                simple(nodes.AvgPool, "pooled", "bn", kernel=3, stride=1, padding=1),
                simple(nodes.BatchNorm, "again", "bn", channels=8, affine=True),
                simple(nodes.Sign, "bare", "pooled"),
                conv("b", "bare", kind=nodes.BinaryConv, groups=2, **wide),
                simple(nodes.ReLU, "relu", "again"),
                simple(nodes.Sign, "again.sign", "again"),
                conv("c", "again.sign", kind=nodes.BinaryConv, **wide),
                simple(nodes.Add, "sum", "widened", "bn", "b", "relu", "c"),
                simple(nodes.GlobalAvgPool, "mean", "sum"),
                simple(nodes.Linear, "logits", "mean", in_features=8, out_features=3),
            ),
            output="logits",
        )


@settings(max_examples=60, deadline=None)
@given(spec=graph_specs())
def test_random_graphs_have_the_module_s_parameters_learn(spec: cells.GraphSpec) -> None:
    torch.manual_seed(0)
    network = Network(spec).train()
    source = torch.Generator().manual_seed(1)
    logits = FusedNetwork(network)(torch.randn((4, 3, 16, 16), generator=source))
    assert (logits.shape, logits.dtype) == ((4, spec.num_classes), torch.float32)
    logits.square().sum().backward()
    for name, value in network.named_parameters():
        assert value.grad is None or bool(value.grad.isfinite().all()), name


@pytest.mark.parametrize(
    "spec",
    [
        cells.ResNetSpec(blocks=(1, 1), width=8, num_classes=3, template="cifar"),
        cells.ResNetSpec(
            blocks=(1, 1), width=8, num_classes=3, template="cifar", activation="rprelu"
        ),
        cells.ResNetSpec(
            block="bn_sign_conv", blocks=(1, 1), width=8, num_classes=3, template="cifar"
        ),
        cells.ResNetSpec(
            block="conv_bn_relu", blocks=(1, 1), width=8, num_classes=3, template="cifar"
        ),
    ],
)
def test_residual_networks_are_trained(spec: cells.ResNetSpec) -> None:
    network = network_of(spec).train()
    twin = copy.deepcopy(network)
    images = images_of(spec)
    found, grads = loss_and_gradients(FusedNetwork(network), network, images)
    expected, wanted = loss_and_gradients(_RoundedNetwork(twin), twin, images)
    assert float((found - expected).abs().max()) < 0.2 * float(expected.abs().max())
    assert grads.keys() == wanted.keys()
    ours = torch.cat([grads[key].flatten() for key in wanted])
    theirs = torch.cat([value.flatten() for value in wanted.values()])
    print(
        spec.block,
        float(functional.cosine_similarity(ours, theirs, dim=0)),
        float((found - expected).abs().max()) / float(expected.abs().max()),
    )
    assert float(functional.cosine_similarity(ours, theirs, dim=0)) > 0.9


def test_channels_that_are_always_zero_are_not_convolved(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(BASE).train()
    seen: list[int] = []

    def counting(x: Tensor, *others: Any) -> Tensor:
        seen.append(x.shape[1])
        return convolve(x, *others)

    monkeypatch.setattr("bnas.search.fused.convolution.convolve", counting)
    FusedNetwork(network)(images_of(BASE))
    whole = [
        node.in_channels
        for node in network.graph
        if isinstance(node, nodes.Conv | nodes.BinaryConv)
    ]
    # The skip of cell 1 and c(k-2) of cell 2 read cell 0, half of whose output nothing ever writes.
    halved = [full for full, kept in zip(whole, seen, strict=True) if kept == full // 2]
    assert halved == [16, 16]
    assert all(kept in (full, full // 2) for full, kept in zip(whole, seen, strict=True))


def test_any_graph_of_the_known_nodes_is_trained() -> None:
    network = network_of(_OddSpec(), pruned=False).train()  # type: ignore[arg-type]
    with torch.no_grad():
        for name in ("bn", "again"):
            network.get_submodule(name).bias.uniform_(-0.5, 0.5)
    twin = copy.deepcopy(network)
    source = torch.Generator().manual_seed(1)
    images = torch.randn((6, 3, 8, 8), generator=source).bfloat16().float()
    found, grads = loss_and_gradients(FusedNetwork(network), network, images)
    expected, wanted = loss_and_gradients(_RoundedNetwork(twin), twin, images)
    assert float((found - expected).abs().max()) < 0.1 * float(expected.abs().max())
    assert grads.keys() == wanted.keys()
    ours = torch.cat([grads[key].flatten() for key in wanted])
    theirs = torch.cat([value.flatten() for value in wanted.values()])
    assert float(functional.cosine_similarity(ours, theirs, dim=0)) > 0.95


def test_the_first_of_two_stages_is_the_module_s_too() -> None:
    network = network_of(SPECS["pool"], binarize="activations").train()
    twin = copy.deepcopy(network)
    with torch.no_grad():
        for part in (network, twin):
            for module in part.modules():
                if isinstance(module, BinaryConv2d):
                    module.weight.copy_(module.weight.bfloat16().float())
    images = images_of(network.spec)
    found, grads = loss_and_gradients(FusedNetwork(network), network, images)
    expected, wanted = loss_and_gradients(_RoundedNetwork(twin), twin, images)
    assert float((found - expected).abs().mean()) < 0.1 * float(expected.abs().max())
    ours = torch.cat([grads[key].flatten() for key in wanted])
    theirs = torch.cat([value.flatten() for value in wanted.values()])
    assert float(functional.cosine_similarity(ours, theirs, dim=0)) > 0.9


def test_sign_zero_of_the_authors_is_refused() -> None:
    with pytest.raises(cells.GraphError, match="official_sign"):
        FusedNetwork(network_of(BASE, official_sign=True))
    with pytest.raises(cells.GraphError, match="binary activations"):
        FusedNetwork(network_of(BASE, binarize="none"))
