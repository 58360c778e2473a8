from __future__ import annotations

import attrs
import pytest
import torch
from hypothesis import given, settings

from bnas import cells
from bnas.cells import GraphError, ResNetSpec, SpecError, nodes
from bnas.cells.nn import BatchNorm2d, Network
from bnas.cells.resnet import ACTIVATIONS
from bnas.cells.testing import resnet_specs

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
NARROW = ResNetSpec(blocks=(1, 2), width=4, num_classes=3, template="cifar")


def convolutions(depth: int) -> int:
    """Weights of the 3x3 convolutions of all blocks, by hand."""
    total = 0
    for stage, count in enumerate(BLOCKS[depth]):
        channels = 64 * 2**stage
        first = 9 * channels * (channels // 2 if stage else channels)
        total += first + (2 * count - 1) * 9 * channels**2
    return total


def shortcuts() -> int:
    """Weights of the 1x1 convolutions around the first blocks of stages 2 to 4."""
    return 64 * 128 + 128 * 256 + 256 * 512


def norms_after(depth: int) -> int:
    """Parameters of batch norms after every convolution, stem and shortcuts included."""
    in_blocks = sum(2 * count * 64 * 2**stage for stage, count in enumerate(BLOCKS[depth]))
    return 2 * (64 + in_blocks + 128 + 256 + 512)


STEM, CLASSIFIER = 3 * 64 * 49, 512 * 1000 + 1000


@pytest.mark.parametrize(
    ("name", "depth", "params"),
    [
        # torchvision's documentation states 11,689,512 and 21,797,672 for its ResNets.
        ("ResNet-18", 18, 11_689_512),
        ("ResNet-34", 34, 21_797_672),
        # A Bi-Real block has the convolutions and batch norms of a ResNet's.
        ("Bi-Real-18", 18, 11_689_512),
        ("Bi-Real-34", 34, 21_797_672),
    ],
)
def test_parameters_by_hand(name: str, depth: int, params: int) -> None:
    report = cells.cost(cells.spec(name))
    by_hand = STEM + convolutions(depth) + shortcuts() + norms_after(depth) + CLASSIFIER
    assert report.params == params == by_hand
    assert report.binary_params == (convolutions(depth) if "Bi-Real" in name else 0)


def test_parameters_of_xnor_by_hand() -> None:
    # Batch norm comes before a convolution: it has the channels of what the convolution reads.
    report = cells.cost(cells.spec("XNOR-ResNet-18"))
    before = norms_after(18) - 2 * (64 + 128 + 256)
    assert report.params == STEM + convolutions(18) + shortcuts() + before + CLASSIFIER
    assert report.params == 11_688_616
    assert report.binary_params == convolutions(18) == 10_985_472


def test_multiply_accumulates_by_hand() -> None:
    sides = {64: 56, 128: 28, 256: 14, 512: 7}
    binary = sum(
        9 * channels * side**2 * ((channels // 2 if channels > 64 else channels) + 3 * channels)
        for channels, side in sides.items()
    )
    halving = sum(
        channels * channels // 2 * side**2 for channels, side in sides.items() if channels > 64
    )
    for name in ("Bi-Real-18", "XNOR-ResNet-18"):
        report = cells.cost(cells.spec(name))
        assert report.binary_macs == binary == 1_676_279_808
        assert report.real_macs == STEM * 112**2 + halving + 512 * 1000 == 137_793_536


@pytest.mark.parametrize(
    ("name", "counterpart", "flops", "saving", "speed_up"),
    [
        # The supplement, Table 4.
        ("Bi-Real-18", "ResNet-18", 1.63e8, 11.14, 11.06),
        ("Bi-Real-34", "ResNet-34", 1.93e8, 15.97, 18.99),
    ],
)
def test_the_paper_s_rule_meets_the_published_figures(
    name: str, counterpart: str, flops: float, saving: float, speed_up: float
) -> None:
    report = cells.cost(cells.spec(name), rule="paper")
    real = cells.cost(cells.spec(counterpart), rule="paper")
    assert report.flops == pytest.approx(flops, rel=0.01)
    assert real.memory_bytes / report.memory_bytes == pytest.approx(saving, rel=0.01)
    assert real.flops / report.flops == pytest.approx(speed_up, rel=0.01)


def test_shapes_of_the_stages() -> None:
    graph = cells.spec("Bi-Real-18").lower()
    shapes = graph.shapes(224)
    wanted = {"stem": (64, 56, 56), "layer1.1": (64, 56, 56), "layer2.0": (128, 28, 28)}
    wanted |= {"layer3.1": (256, 14, 14), "layer4.1": (512, 7, 7)}
    assert {label: shapes[graph.taps[label]] for label in wanted} == wanted
    assert shapes["conv1"] == (64, 112, 112)
    assert shapes[graph.output] == (1000, 1, 1)
    assert len(graph.taps) == 1 + cells.spec("Bi-Real-18").num_cells


def kinds(spec: ResNetSpec, prefix: str) -> list[str]:
    graph = spec.lower()
    return [type(node).__name__ for node in graph if node.name.startswith(f"{prefix}.")]


def test_blocks_are_named_by_their_true_order() -> None:
    unit = ["Sign", "BinaryConv", "BatchNorm", "Add"]
    pooled = ["AvgPool", "Conv", "BatchNorm"]
    assert kinds(NARROW, "layer1.0") == [*unit, *unit]
    assert kinds(NARROW, "layer2.0") == [*pooled, *unit, *unit]
    react = attrs.evolve(NARROW, activation="rprelu")
    assert kinds(react, "layer1.0") == [*unit, "RPReLU", *unit, "RPReLU"]
    xnor = attrs.evolve(NARROW, block="bn_sign_conv", activation="relu")
    unit = ["BatchNorm", "Sign", "BinaryConv", "ReLU"]
    assert kinds(xnor, "layer1.0") == [*unit, *unit, "Add"]
    assert kinds(xnor, "layer2.0") == ["Conv", "BatchNorm", *unit, *unit, "Add"]
    real = attrs.evolve(NARROW, block="conv_bn_relu", activation="relu")
    unit = ["Conv", "BatchNorm"]
    assert kinds(real, "layer1.0") == [*unit, "ReLU", *unit, "Add", "ReLU"]


def test_a_shortcut_goes_around_every_convolution_of_bi_real() -> None:
    graph = NARROW.lower()
    sums = [node for node in graph if isinstance(node, nodes.Add)]
    assert len(sums) == sum(isinstance(node, nodes.BinaryConv) for node in graph) == 6
    plain = [node for node in sums if not node.name.startswith("layer2.0.add1")]
    # Identity: the sum reads what the sign of its own branch reads.
    for node in plain:
        sign = graph[node.inputs[0].replace("bn", "sign")]
        assert node.inputs[1] == sign.inputs[0]


def test_bi_real_s_stem_has_no_relu_and_the_others_do() -> None:
    def stem(name: str) -> list[str]:
        return [type(node).__name__ for node in cells.spec(name).lower() if node.cell == "stem"]

    assert stem("Bi-Real-18") == ["Input", "Conv", "BatchNorm", "MaxPool"]
    assert stem("XNOR-ResNet-18") == ["Input", "Conv", "BatchNorm", "ReLU", "MaxPool"]


def test_sizes_that_cannot_be_halved_are_named() -> None:
    with pytest.raises(GraphError, match=r"layer2\.0\.add1.*must be even"):
        NARROW.lower().shapes(15)


def test_drop_path_drops_what_a_block_adds() -> None:
    spec = attrs.evolve(NARROW, blocks=(1, 1))
    for block, wanted in (
        ("sign_conv_bn", ["layer1.0.bn1", "layer1.0.bn2", "layer2.0.bn1", "layer2.0.bn2"]),
        ("bn_sign_conv", ["layer1.0.relu2", "layer2.0.relu2"]),
        ("conv_bn_relu", ["layer1.0.bn2", "layer2.0.bn2"]),
    ):
        for activation in ACTIVATIONS[block][:1]:
            changed = attrs.evolve(spec, block=block, activation=activation)
            assert Network(changed).drop_path_edges == tuple(wanted)


def test_every_parameter_learns() -> None:
    network = Network(attrs.evolve(NARROW, activation="rprelu")).train()
    images = torch.randn((4, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    network(images).square().sum().backward()
    missing = [name for name, value in network.named_parameters() if value.grad is None]
    assert missing == []
    assert isinstance(network.get_submodule("layer2.0.downsample.2"), BatchNorm2d)


@settings(max_examples=30)
@given(spec=resnet_specs())
def test_json_round_trip(spec: ResNetSpec) -> None:
    text = spec.to_json()
    assert ResNetSpec.from_json(text) == spec == cells.spec_from_json(text)
    assert cells.spec_from_json(text).to_json() == text
    assert hash(ResNetSpec.from_json(text)) == hash(spec)


def test_the_json_form() -> None:
    assert cells.spec("Bi-Real-34").to_json() == (
        '{"kind": "resnet", "block": "sign_conv_bn", "blocks": [3, 4, 6, 3], "width": 64, '
        '"num_classes": 1000, "template": "imagenet", "activation": "none"}'
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"block": "conv"}, "`block` must be one of"),
        ({"block": []}, "`block` must be one of"),
        ({"blocks": ()}, "`blocks` must be 1 to 8 integers"),
        ({"blocks": (0, 1)}, "`blocks` must be 1 to 8 integers"),
        ({"blocks": (True,)}, "`blocks` must be 1 to 8 integers"),
        ({"blocks": 3}, "`blocks` must be 1 to 8 integers"),
        ({"blocks": (600, 600)}, "1000 together"),
        ({"width": 0}, r"`width` must be an integer from 1 to \d+ \(got 0\)"),
        ({"num_classes": 10**9}, "`num_classes` must be"),
        ({"template": "mnist"}, "`template` must be one of"),
        ({"activation": "gelu"}, "`activation` must be one of"),
        ({"activation": "relu"}, "one of .'none', 'rprelu'. in blocks of 'sign_conv_bn'"),
        ({"block": "conv_bn_relu", "activation": "none"}, "in blocks of 'conv_bn_relu'"),
    ],
)
def test_wrong_fields_are_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ResNetSpec(**fields)  # type: ignore[arg-type]
