"""`lower_resnet`: from a `ResNetSpec` to its graph.

Names are those of torchvision's ResNets (``layer2.0.conv1``, ``layer2.0.downsample.0``, ``fc``);
the shortcut of a Bi-Real block has its pooling as ``downsample.0``, as in its authors' code.

References:
    Liu et al., "Bi-Real Net", ECCV 2018; Rastegari et al., "XNOR-Net", ECCV 2016; He et al., "Deep
    Residual Learning for Image Recognition", CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bnas.cells import nodes
from bnas.cells.builder import Builder, Value, Window
from bnas.cells.graph import Graph

if TYPE_CHECKING:
    from bnas.cells.resnet import ResNetSpec

# Builder, specification, name of the block, its input, channels and stride -> its output.
_Block = Callable[[Builder, "ResNetSpec", str, Value, int, int], Value]


def lower_resnet(spec: ResNetSpec) -> Graph:
    """Return the graph of `spec`.

    Args:
        spec: The network; its logits are the graph's output of shape (num_classes, 1, 1).
    """
    build = Builder(cell="stem")
    value = _stem(build, spec)
    build.taps["stem"] = value.name
    block = _BLOCKS[spec.block]
    for stage, count in enumerate(spec.blocks):
        for index in range(count):
            build.cell = f"layer{stage + 1}.{index}"
            stride = 2 if stage and not index else 1
            value = block(build, spec, build.cell, value, spec.width * 2**stage, stride)
            build.taps[build.cell] = value.name
    return build.finish(build.classify("avgpool", "fc", value, spec.num_classes))


def _stem(build: Builder, spec: ResNetSpec) -> Value:
    is_large = spec.template == "imagenet"
    window = Window(7, stride=2, padding=3) if is_large else Window(3, padding=1)
    conv = build.conv(nodes.Conv, "conv1", build.images(), spec.width, window)
    value = build.batch_norm("bn1", conv)
    if spec.block != "sign_conv_bn":
        value = build.activate("relu", value, "relu")
    if is_large:
        value = build.pool(nodes.MaxPool, "maxpool", value, Window(3, stride=2, padding=1))
    return value


def _sign_conv_bn(
    build: Builder, spec: ResNetSpec, name: str, value: Value, channels: int, stride: int
) -> Value:
    for number, step in ((1, stride), (2, 1)):
        # The shortcut comes first: whoever runs the graph in order can add to it in place.
        carried = _pooled_shortcut(build, name, value, channels) if step > 1 else value
        build.role = "block"
        sign = build.sign(f"{name}.sign{number}", value)
        window = Window(3, stride=step, padding=1)
        conv = build.conv(nodes.BinaryConv, f"{name}.conv{number}", sign, channels, window)
        branch = build.batch_norm(f"{name}.bn{number}", conv)
        build.role = "join"
        total = build.add_up(f"{name}.add{number}", branch, carried)
        value = build.activate(f"{name}.{spec.activation}{number}", total, spec.activation)
    return value


def _bn_sign_conv(
    build: Builder, spec: ResNetSpec, name: str, value: Value, channels: int, stride: int
) -> Value:
    carried = _shortcut(build, name, value, channels, stride)
    build.role = "block"
    branch = value
    for number, step in ((1, stride), (2, 1)):
        normalised = build.batch_norm(f"{name}.bn{number}", branch)
        sign = build.sign(f"{name}.sign{number}", normalised)
        window = Window(3, stride=step, padding=1)
        conv = build.conv(nodes.BinaryConv, f"{name}.conv{number}", sign, channels, window)
        branch = build.activate(f"{name}.{spec.activation}{number}", conv, spec.activation)
    build.role = "join"
    return build.add_up(f"{name}.add", branch, carried)


def _conv_bn_relu(
    build: Builder, spec: ResNetSpec, name: str, value: Value, channels: int, stride: int
) -> Value:
    carried = _shortcut(build, name, value, channels, stride)
    build.role = "block"
    window = Window(3, stride=stride, padding=1)
    conv = build.conv(nodes.Conv, f"{name}.conv1", value, channels, window)
    first = build.activate(f"{name}.relu1", build.batch_norm(f"{name}.bn1", conv), "relu")
    conv = build.conv(nodes.Conv, f"{name}.conv2", first, channels, Window(3, padding=1))
    branch = build.batch_norm(f"{name}.bn2", conv)
    build.role = "join"
    return build.activate(f"{name}.relu2", build.add_up(f"{name}.add", branch, carried), "relu")


_BLOCKS: dict[str, _Block] = {
    "sign_conv_bn": _sign_conv_bn,
    "bn_sign_conv": _bn_sign_conv,
    "conv_bn_relu": _conv_bn_relu,
}


def _shortcut(build: Builder, name: str, value: Value, channels: int, stride: int) -> Value:
    """Return the input of a block in the shape of its output: itself, or a projection."""
    if stride == 1:
        return value
    build.role = "skip"
    window = Window(1, stride=stride)
    conv = build.conv(nodes.Conv, f"{name}.downsample.0", value, channels, window)
    return build.batch_norm(f"{name}.downsample.1", conv)


def _pooled_shortcut(build: Builder, name: str, value: Value, channels: int) -> Value:
    build.role = "skip"
    pooled = build.pool(nodes.AvgPool, f"{name}.downsample.0", value, Window(2, stride=2))
    conv = build.conv(nodes.Conv, f"{name}.downsample.1", pooled, channels, Window(1))
    return build.batch_norm(f"{name}.downsample.2", conv)
