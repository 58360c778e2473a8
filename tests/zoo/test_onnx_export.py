"""Exported ONNX: checked, run by onnxruntime, and compared with the packed network."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bnas import cells, zoo
from bnas.cells import nodes
from bnas.cells.builder import Builder, Window
from bnas.cells.nn import BatchNorm2d, BinaryConv2d, Network
from bnas.cells.testing import graph_specs
from bnas.zoo.errors import ExportError, MissingExtraError
from bnas.zoo.images import prepare_batch
from bnas.zoo.network import PackedNetwork
from bnas.zoo.onnx_export import OnnxModel, onnx_model
from bnas.zoo.parameters import Parameters
from bnas.zoo.photos import bundled_photos

Lively = Callable[..., Network]
#: Largest difference of logits, as a part of the largest, where float32 decides every sign.
TOLERANCE = 1e-4


def session(
    model: OnnxModel, optimized: Path | None = None, *, all_optimisations: bool = True
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    levels = onnxruntime.GraphOptimizationLevel
    if not all_optimisations:
        options.graph_optimization_level = levels.ORT_ENABLE_BASIC
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(
        model.to_bytes(), options, providers=["CPUExecutionProvider"]
    )


def logits_of(model: OnnxModel, images: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model.proto, full_check=True)
    return session(model).run(["logits"], {"images": images})[0]


def differences(logits: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The largest difference of each image, as a part of the largest logit (N,)."""
    assert logits.shape == reference.shape
    assert logits.dtype == np.float32
    return np.abs(logits - reference).max(axis=1) / max(1, np.abs(reference).max())


def check(network: zoo.PackedNetwork, images: np.ndarray) -> None:
    """Compare logits, of an image in four at most where real sums may round to another sign."""
    reference = network(images)
    logits = logits_of(onnx_model(network, input_size=images.shape[-1]), images)
    off = differences(logits, reference)
    assert (off <= TOLERANCE).sum() >= len(images) * 3 // 4, off


def noise(side: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 3, side, side)).astype(np.float32)


def _odd() -> cells.GraphSpec:
    """Groups, names that the model has for itself, and a linear layer in the middle."""
    build = Builder(role="op")
    stem = build.conv(nodes.Conv, "images", build.images(), 20, Window(3, padding=1))
    sizes = {"in_channels": 20, "out_channels": 20, "kernel": 3, "groups": 4, "padding": 1}
    build.add(nodes.BinaryConv, "conv", build.sign("sign", stem).name, **sizes)
    build.add(nodes.Conv, "real", stem.name, **sizes, bias=True)
    build.add(nodes.Add, "sum", "conv", "real", "conv")
    build.add(nodes.GlobalAvgPool, "pool", "sum")
    build.add(nodes.Linear, "logits", "pool", in_features=20, out_features=8)
    build.add(nodes.BatchNorm, "norm", "logits", channels=8)
    build.add(nodes.ReLU, "relu", "norm")
    graph = cells.Graph(nodes=tuple(build.nodes), output="relu")
    return cells.GraphSpec(graph=graph, template="cifar", input_size=16)


def _counts_of_zero() -> cells.GraphSpec:
    """Signs of counts that are often 0, at once and behind a pooling."""
    build = Builder(role="op")
    first = build.conv(nodes.BinaryConv, "a", build.sign("a.sign", build.images()), 6, Window(2, 2))
    pooled = build.pool(nodes.MaxPool, "max", first, Window(2, 2))
    for name, value in (("b", first), ("c", pooled)):
        last = build.conv(nodes.BinaryConv, name, build.sign(f"{name}.sign", value), 6, Window(1))
        build.add(nodes.GlobalAvgPool, f"{name}.pool", last.name)
    build.add(nodes.Add, "sum", "b.pool", "c.pool")
    build.add(nodes.Linear, "fc", "sum", in_features=6, out_features=4)
    graph = cells.Graph(nodes=tuple(build.nodes), output="fc")
    return cells.GraphSpec(graph=graph, template="cifar", input_size=16)


SPECS = {
    "mini": cells.spec("BNAS-Mini", channels=4, num_classes=5),
    "binary skip": cells.spec("BNAS-A", channels=4, num_cells=5, reduction_skip="binary"),
    "rprelu": cells.spec("BNAS-Mini", channels=4, activation="rprelu"),
    "imagenet": cells.spec("BNAS-D", channels=4, num_cells=5, num_classes=7),
    "Bi-Real-18": cells.spec("Bi-Real-18", width=4, num_classes=5),
    "XNOR-ResNet-18": cells.spec("XNOR-ResNet-18", width=4, num_classes=5),
    "BNAS-Mini.float": cells.spec("BNAS-Mini.float", channels=4, num_cells=3, num_classes=5),
    "DARTS-V2": cells.spec("DARTS-V2", channels=4, num_cells=3, num_classes=5),
    "BATS-style-real": cells.spec("BATS-style-real", channels=12, num_cells=3, num_classes=5),
    "odd": _odd(),
}


@pytest.mark.parametrize("name", SPECS)
def test_every_kind_of_network(lively_network: Lively, name: str) -> None:
    spec = SPECS[name]
    check(zoo.pack(lively_network(spec)), noise(16 if spec.template == "cifar" else 64))


@settings(
    max_examples=15,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(spec=_counts_of_zero(), seed=1)
@given(spec=graph_specs(), seed=st.integers(0, 2**31))
def test_any_graph(lively_network: Lively, spec: cells.GraphSpec, seed: int) -> None:
    check(zoo.pack(lively_network(spec, seed)), noise(16))


@pytest.fixture(scope="module")
def exact() -> zoo.PackedNetwork:
    """A network whose sums are exact in float32 in any order, and often 0 before a sign."""
    torch.manual_seed(0)
    spec = cells.spec("BNAS-Mini", channels=6, num_cells=6, reduction_skip="pool")
    module = Network(spec).eval()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, torch.nn.Conv2d):
                part.weight.copy_((part.weight * 16).round() / 16)
            elif isinstance(part, BinaryConv2d):
                part.weight_scale.fill_(1 / 8)
            elif isinstance(part, BatchNorm2d):
                part.running_mean.copy_(torch.randint(-4, 8, part.running_mean.shape) / 8)
    return zoo.pack(module)


def test_every_bit_is_taken_where_sums_are_exact(exact: zoo.PackedNetwork) -> None:
    images = (np.random.default_rng(0).integers(-8, 8, (16, 3, 16, 16)) / 4).astype(np.float32)
    logits = logits_of(onnx_model(exact, input_size=16), images)
    assert differences(logits, exact(images)).max() <= 1e-6


def test_zero_is_plus_one_and_padding_is_zero() -> None:
    build = Builder(role="op")
    sign = build.sign("sign", build.images())
    conv = build.conv(nodes.BinaryConv, "conv", sign, 4, Window(3, padding=1))
    spec = cells.GraphSpec(
        graph=build.finish(build.classify("pool", "fc", conv, 4)), template="cifar", input_size=4
    )
    module = Network(spec).eval()
    with torch.no_grad():
        module.get_submodule("conv").weight.fill_(1)
        module.get_submodule("conv").weight_scale.fill_(1)
        module.get_submodule("fc").weight.copy_(torch.eye(4))
        module.get_submodule("fc").bias.zero_()
    images = np.zeros((1, 3, 4, 4), np.float32)
    images[0, :, 1, 1] = -0.0
    # Of 9 taps the 4 corners have 4 inside the image, the 8 edges 6: 100 of 144, of 3 channels.
    logits = logits_of(onnx_model(zoo.pack(module)), images)
    np.testing.assert_allclose(logits, np.full((1, 4), 100 * 3 / 16), rtol=1e-6)


@pytest.fixture(scope="module")
def mini() -> zoo.PackedNetwork:
    return zoo.load("BNAS-Mini")


@pytest.fixture(scope="module")
def photos(mini: zoo.PackedNetwork) -> np.ndarray:
    return prepare_batch([photo.path for photo in bundled_photos()], mini.preprocessing)


def test_real_weights_on_photos(mini: zoo.PackedNetwork, photos: np.ndarray) -> None:
    packed = mini(photos)
    with torch.no_grad():
        module = mini.to_torch()(torch.from_numpy(photos)).numpy()
    logits = logits_of(onnx_model(mini), photos)
    # Where a sum of real numbers is a tie for float32, each order of summation has its own sign;
    # two of these photos have such a tie.
    off = np.minimum(differences(logits, packed), differences(logits, module))
    assert (off <= TOLERANCE).sum() >= len(photos) - 1, off
    assert (differences(logits, packed) <= TOLERANCE).sum() >= len(photos) - 4
    np.testing.assert_array_equal(logits.argmax(axis=1), packed.argmax(axis=1))


def test_any_number_of_images(mini: zoo.PackedNetwork, photos: np.ndarray) -> None:
    run = session(onnx_model(mini))
    together = run.run(None, {"images": photos[:3]})[0]
    for image, logits in zip(photos[:3], together, strict=True):
        alone = run.run(None, {"images": image[None]})[0][0]
        np.testing.assert_allclose(alone, logits, atol=1e-4)


def test_a_binary_weight_takes_a_bit_and_no_time(
    mini: zoo.PackedNetwork, photos: np.ndarray, tmp_path: Path
) -> None:
    packed, plain = onnx_model(mini), onnx_model(mini, plain_weights=True)
    held = mini.binary_weight_bytes + mini.real_parameter_bytes
    assert len(packed.to_bytes()) < 1.1 * held
    assert len(plain.to_bytes()) > 5 * held
    np.testing.assert_array_equal(logits_of(packed, photos), logits_of(plain, photos))
    # What runs has none of the operators that unpack: they were computed when it was loaded.
    for model, name in ((packed, "packed.onnx"), (plain, "plain.onnx")):
        session(model, tmp_path / name, all_optimisations=False)
    left, right = (
        sorted(node.op_type for node in onnx.load(tmp_path / name).graph.node)
        for name in ("packed.onnx", "plain.onnx")
    )
    assert left == right
    assert not {"Gather", "Cast", "Transpose", "Slice"} & set(left)


def test_it_says_what_it_is(mini: zoo.PackedNetwork) -> None:
    model = onnx_model(mini, input_size=48)
    said = {prop.key: prop.value for prop in model.proto.metadata_props}
    assert said["model"] == "BNAS-Mini.plus-cpu"
    assert json.loads(said["classes"])[9] == "truck"
    assert tuple(json.loads(said["mean"])) == mini.preprocessing.mean
    assert tuple(json.loads(said["std"])) == mini.preprocessing.std
    assert said["licence"] == "Apache-2.0"
    assert said["weights_sha256"] == mini.card.sha256
    assert cells.spec_from_json(said["spec"]) == mini.spec
    (images,), (logits,) = model.proto.graph.input, model.proto.graph.output
    assert [d.dim_param or d.dim_value for d in images.type.tensor_type.shape.dim] == [
        "N", 3, 48, 48,
    ]  # fmt: skip
    assert [d.dim_param or d.dim_value for d in logits.type.tensor_type.shape.dim] == ["N", 10]
    assert model.to_bytes() == onnx_model(mini, input_size=48).to_bytes()
    own = onnx_model(PackedNetwork(mini.spec, mini.parameters), sha256="0" * 64).proto
    said = {prop.key: prop.value for prop in own.metadata_props}
    assert said.keys() == {"model", "classes", "mean", "std", "spec", "weights_sha256"}
    assert said["weights_sha256"] == "0" * 64


def test_what_cannot_be_written(mini: zoo.PackedNetwork) -> None:
    with pytest.raises(ExportError, match="`input_size` must fit the network"):
        onnx_model(mini, input_size=1)
    build = Builder(role="op")
    images = build.images()
    build.add(nodes.AvgPool, "wide", images.name, kernel=2, dilation=2)
    build.add(nodes.GlobalAvgPool, "pool", "wide")
    spec = cells.GraphSpec(
        graph=cells.Graph(nodes=tuple(build.nodes), output="pool"), template="cifar"
    )
    network = PackedNetwork(spec, Parameters(cells.prune(spec.lower()), {}))
    with pytest.raises(ExportError, match="`wide`: AvgPool"):
        onnx_model(network)


def test_without_onnx_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("bnas.zoo.onnx_export")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"bnas-zoo\[onnx\]"):
        import bnas.zoo.onnx_export  # noqa: F401
