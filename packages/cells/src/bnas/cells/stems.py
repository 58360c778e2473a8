"""What stands before the cells: the real convolutions that make features of the images."""

from __future__ import annotations

from bnas.cells import nodes
from bnas.cells.builder import Builder, Value, Window


def cifar_stem(build: Builder, images: Value, channels: int) -> tuple[Value, Value]:
    """Append BNAS's stem for small images: batch norm, real 3x3, ReLU.

    Args:
        build: Where the layers go.
        images: The input.
        channels: C of the first cell; the stem has 3 C.

    Returns:
        c(-2) and c(-1), which are one value.
    """
    build.cell = "stem"
    normalised = build.batch_norm("stem.bn", images)
    conv = build.conv(nodes.Conv, "stem.conv", normalised, 3 * channels, Window(3, padding=1))
    stem = build.activate("stem.relu", conv, "relu")
    build.taps["stem"] = stem.name
    return stem, stem


def darts_stem(build: Builder, images: Value, channels: int) -> tuple[Value, Value]:
    """Append DARTS's stem for small images: real 3x3, batch norm; see `cifar_stem`."""
    build.cell = "stem"
    conv = build.conv(nodes.Conv, "stem.conv", images, 3 * channels, Window(3, padding=1))
    stem = build.batch_norm("stem.bn", conv)
    build.taps["stem"] = stem.name
    return stem, stem


def imagenet_stem(build: Builder, images: Value, channels: int) -> tuple[Value, Value]:
    """Append the stem for large images, DARTS's and BNAS's: three real 3x3 of stride 2.

    Args:
        build: Where the layers go.
        images: The input.
        channels: C of the first cell, even; so many have c(-2) and c(-1).

    Returns:
        c(-2) and c(-1), which has half the size.
    """

    def halve(name: str, value: Value, out_channels: int) -> Value:
        window = Window(3, stride=2, padding=1)
        conv = build.conv(nodes.Conv, f"{name}.conv", value, out_channels, window)
        return build.batch_norm(f"{name}.bn", conv)

    def relu(name: str, value: Value) -> Value:
        return build.activate(f"{name}.relu", value, "relu")

    build.cell = "stem0"
    first = relu("stem0.0", halve("stem0.0", images, channels // 2))
    before = halve("stem0.1", first, channels)
    build.taps["stem0"] = before.name
    build.cell = "stem1"
    last = halve("stem1", relu("stem1", before), channels)
    build.taps["stem1"] = last.name
    return before, last
