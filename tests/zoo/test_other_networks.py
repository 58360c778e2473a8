"""Networks without cells, packed: the same function as the torch module, the same file again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bnas import cells, zoo
from bnas.cells import nodes
from bnas.cells.builder import Builder, Window
from bnas.cells.nn import Network, RPReLU
from bnas.cells.testing import (
    ALL_PRIMITIVES,
    darts_specs,
    genotypes,
    graph_specs,
    network_specs,
    resnet_specs,
)
from bnas.zoo.testing import compare_with_module

Enliven = Callable[[Network, int], Network]
NAMES = [*cells.list_baselines(), "Bi-Real-18.float", "BNAS-Mini.float"]


def _signs_read_by_all() -> cells.GraphSpec:
    """Signs that are tapped, pooled, normalised, signed again, and read by a real convolution."""
    build = Builder(role="op")
    conv = build.conv(nodes.Conv, "conv", build.images(), 4, Window(3, padding=1))
    sign = build.sign("sign", conv)
    build.taps["sign"] = sign.name
    pooled = build.pool(nodes.MaxPool, "pooled", sign, Window(3, padding=1))
    parts = [
        build.conv(nodes.BinaryConv, "a", build.sign("pooled.sign", pooled), 4, Window(1)),
        build.conv(nodes.BinaryConv, "b", build.sign("again", sign), 4, Window(1)),
        build.conv(nodes.Conv, "c", sign, 4, Window(1)),
        build.sign("bn.sign", build.batch_norm("bn", sign)),
    ]
    total = build.add_up("sum", *parts, sign)
    graph = build.finish(build.classify("pool", "fc", total, 3))
    return cells.GraphSpec(graph=graph, template="cifar")


SIGNS_READ_BY_ALL = _signs_read_by_all()


def narrow(name: str) -> cells.Spec:
    """Return a named network with few channels."""
    if name.startswith(("DARTS", "BATS")):
        return cells.spec(name, num_classes=5, num_cells=5, channels=12)
    is_bnas = name.startswith("BNAS")
    return cells.spec(name, num_classes=5, **({"channels": 4} if is_bnas else {"width": 4}))


def check(enliven: Enliven, spec: cells.Spec, seed: int, images: np.ndarray) -> zoo.PackedNetwork:
    torch.manual_seed(seed)
    module = enliven(Network(spec), seed)
    packed = zoo.pack(module)
    result = compare_with_module(packed, module, images)
    assert result.wrong_bits == 0
    assert result.largest_error <= 1e-4
    return packed


def _tapped_zeros() -> cells.GraphSpec:
    """Zeros that only a concatenation reads, and that somebody looks at."""
    graph = cells.Graph(
        nodes=(
            nodes.Input(name="input"),
            nodes.Zero(name="zeros", inputs=("input",), channels=3),
            nodes.Concat(name="both", inputs=("input", "zeros")),
            nodes.Sign(name="sign", inputs=("both",)),
            nodes.GlobalAvgPool(name="pool", inputs=("sign",)),
            nodes.Linear(name="fc", inputs=("pool",), in_features=6, out_features=1),
        ),
        output="fc",
        taps={"zeros": "zeros"},
    )
    return cells.GraphSpec(graph=graph, template="cifar", input_size=16)


TAPPED_ZEROS = _tapped_zeros()


@pytest.mark.parametrize("name", NAMES)
def test_named_networks(enliven_network: Enliven, name: str, tmp_path: Path) -> None:
    spec = narrow(name)
    images = np.random.default_rng(0).standard_normal((2, 3, 64, 64)).astype(np.float32)
    packed = check(enliven_network, spec, 0, images)
    assert packed(images).shape == (2, 5)
    packed.save(tmp_path / "net.safetensors")
    read = zoo.load_file(tmp_path / "net.safetensors")
    assert read.spec == spec
    np.testing.assert_array_equal(read(images), packed(images))
    assert list(read.trace(images)) == [*spec.lower().taps, "logits"]
    with torch.no_grad():
        again = read.to_torch()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(again, packed(images), rtol=1e-3, atol=1e-4)
    assert read.preprocessing.size == spec.input_size
    assert read.float_bytes == 4 * cells.cost(spec).params
    assert (read.binary_weight_bytes == 0) == (cells.cost(spec).binary_params == 0)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    spec=resnet_specs(max_width=6)
    | network_specs(max_cells=4, max_channels=6)
    | darts_specs(max_cells=4, max_channels=12)
    | network_specs(
        max_cells=4, max_channels=12, wirings=genotypes(primitives=ALL_PRIMITIVES, max_nodes=4)
    ),
    twin=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_random_networks(enliven_network: Enliven, spec: cells.Spec, twin: bool, seed: int) -> None:
    size = 16 if spec.template == "cifar" else 64
    images = np.random.default_rng(seed).standard_normal((2, 3, size, size)).astype(np.float32)
    check(enliven_network, cells.FloatTwin(spec) if twin else spec, seed, images)


@settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(spec=SIGNS_READ_BY_ALL, twin=False, seed=0)
@example(spec=TAPPED_ZEROS, twin=False, seed=0)
@given(spec=graph_specs(), twin=st.booleans(), seed=st.integers(0, 2**31))
def test_any_graph(enliven_network: Enliven, spec: cells.GraphSpec, twin: bool, seed: int) -> None:
    def enliven(module: Network, seed: int) -> Network:
        generator = torch.Generator().manual_seed(seed)
        for part in module.modules():
            if isinstance(part, RPReLU):
                for value in part.parameters():
                    value.data.normal_(generator=generator)
        return enliven_network(module, seed)

    images = np.random.default_rng(seed).standard_normal((2, 3, 16, 16)).astype(np.float32)
    check(enliven, cells.FloatTwin(spec) if twin else spec, seed, images)


def test_a_checkpoint_of_any_kind_is_packed() -> None:
    module = Network(narrow("Bi-Real-18")).eval()
    checkpoint = {"spec": module.spec.to_json(), "model": module.state_dict()}
    packed = zoo.pack(checkpoint)
    assert packed.spec == module.spec
    assert "custom network" in repr(packed)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    zoo.pack(Network(narrow("Bi-Real-18"))).save(path)
    with pytest.raises(zoo.WeightsFileError, match=r"than BNAS-A \(different: kind, genotype"):
        zoo.load("BNAS-A", weights=path)


def test_a_network_of_cells_alone_has_official_weights() -> None:
    with pytest.raises(zoo.OfficialImportError, match=r"the authors' kind.*\(got Bi-Real-18\)"):
        zoo.import_official({}, "Bi-Real-18")
