"""Planes of bits: what they show, how long they live, and who shares them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from bnas import binops, cells, zoo
from bnas.binops import tape
from bnas.binops.table.isa import ISAS
from bnas.cells import nodes
from bnas.cells.builder import Builder, Value, Window
from bnas.cells.nn import Network
from bnas.zoo.program.emitter import emit
from bnas.zoo.program.planes import is_plain, lifetimes, plan_planes, read_bits, written_bits
from bnas.zoo.program.steps import BinaryConv, Bits, Pack, Place, PoolBits, Step, Unpack
from bnas.zoo.program.thresholds import Cut
from bnas.zoo.testing import compare_with_module

BACKENDS = [name for name, found in binops.backends().items() if found and name in ISAS]


def conv(source: str, targets: Sequence[str] = (), kernel: int = 3, **options: Any) -> BinaryConv:
    """A convolution of 8x10 pixels of 8 channels to bits of 8."""
    groups = options.get("groups", 1)
    geometry = tape.conv_geometry(
        (8, 8, 10),
        (8, 8 // groups, kernel, kernel),
        options.get("stride", 1),
        options.get("padding", kernel // 2),
        options.get("dilation", 1),
        groups,
    )
    cut = Cut(np.zeros(8, np.int32), np.zeros(8, bool))
    bits = tuple(Bits(target=target, cut=cut) for target in targets)
    weight = np.zeros((8, 1, kernel, kernel), np.uint8)
    return BinaryConv(source=source, geometry=geometry, weight=weight, bits=bits, floats=())


def pack(target: str) -> Pack:
    cut = Cut(np.zeros(8, np.float32), np.zeros(8, bool))
    return Pack(source=Place("value", 0, 8), target=target, cut=cut)


def pool(source: str, target: str) -> PoolBits:
    falls = np.zeros(8, bool)
    return PoolBits(
        source=source, target=target, window=tape.Window(kernel=3, padding=1), falls=falls
    )


class TestPlainGeometries:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, True),
            ({"dilation": 2, "padding": 2}, True),
            ({"groups": 2}, True),
            ({"groups": 4}, True),  # groups of two channels, which share bytes
            ({"groups": 8}, True),
            ({"stride": 2}, False),
            ({"padding": 0}, False),
            ({"padding": 64, "dilation": 64}, True),
            ({"padding": 65, "dilation": 65}, False),  # beyond the margin
        ],
    )
    def test_which_are(self, options: dict[str, int], expected: bool) -> None:
        assert is_plain(ISAS["avx2"], conv("a", **options).geometry) == expected

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"stride": 2}, True),  # of 8x10 pixels: phases of 4x5
            ({"stride": 3}, False),
            ({"stride": 2, "padding": 0}, False),  # of 3x4 outputs
            ({"padding": 65, "dilation": 65}, True),
            ({"stride": 2, "groups": 4}, False),
        ],
    )
    def test_bit_sliced_ones_make_their_taps(self, options: dict[str, int], expected: bool) -> None:
        assert is_plain(ISAS["avx512"], conv("a", **options).geometry) == expected


class TestLayouts:
    def test_every_reader_sees_its_columns_and_rows(self) -> None:
        steps: list[Step] = [pack("a"), conv("a"), conv("a", dilation=2, padding=2), pool("a", "b")]
        layouts = plan_planes(ISAS["avx2"], steps, {"a": (8, 8, 10), "b": (8, 8, 10)})
        assert layouts["a"].columns == (-2, -1, 0, 1, 2)
        assert (layouts["a"].top, layouts["a"].bottom) == (2, 2)
        assert layouts["a"].groups == 2

    def test_bits_that_only_others_read_have_one_column(self) -> None:
        steps: list[Step] = [pack("a"), conv("a", stride=2), Unpack(source="a")]
        layout = plan_planes(ISAS["avx2"], steps, {"a": (7, 8, 10)})["a"]
        assert layout.columns == (0,)
        assert (layout.top, layout.bottom, layout.groups) == (0, 0, 2)

    def test_bits_that_nobody_reads_have_planes_too(self) -> None:
        assert plan_planes(ISAS["avx2"], [pack("a")], {"a": (8, 8, 10)})["a"].columns == (0,)


class TestLifetimes:
    def test_from_the_first_write_to_the_last_read(self) -> None:
        steps: list[Step] = [
            pack("a"),
            conv("a", ["b", "c"]),
            pool("b", "d"),
            conv("a", ["c"]),
            Unpack(source="d"),
        ]
        expected = {"a": (0, 3), "b": (1, 2), "c": (1, 3), "d": (2, 4)}
        assert lifetimes(steps) == expected
        assert [written_bits(step) for step in steps] == [("a",), ("b", "c"), ("d",), ("c",), ()]
        assert [read_bits(step) for step in steps] == [(), ("a",), ("b",), ("a",), ("d",)]


def grouped() -> cells.GraphSpec:
    """Binary convolutions that read other layouts: groups, strides, no padding, dilation."""
    build = Builder(role="op")
    value = build.conv(nodes.Conv, "stem", build.images(), 12, Window(3, padding=1))
    convs = [
        (12, 6, Window(3, padding=1)),
        (9, 3, Window(3, stride=2, padding=1)),
        (15, 3, Window(3)),
        (10, 5, Window(3, padding=2, dilation=2)),
        (8, 2, Window(2, stride=2)),
    ]
    for index, (channels, groups, window) in enumerate(convs):
        sign = build.sign(f"sign{index}", build.batch_norm(f"bn{index}", value))
        name = f"conv{index}"
        build.add(
            nodes.BinaryConv,
            name,
            sign.name,
            in_channels=value.channels,
            out_channels=channels,
            groups=groups,
            kernel=window.kernel,
            stride=window.stride,
            padding=window.padding,
            dilation=window.dilation,
        )
        value = Value(name, channels, 0)
        if index % 2:
            value = build.activate(f"act{index}", value, "rprelu")
    return cells.GraphSpec(
        graph=build.finish(build.classify("pool", "fc", value, 3)), template="cifar", input_size=32
    )


def summed() -> cells.GraphSpec:
    """A convolution that adds to a sum twice, a dilated pool, and signs of one channel."""
    build = Builder(role="op")
    stem = build.conv(nodes.Conv, "stem", build.images(), 5, Window(3, padding=1))
    pooled = build.pool(nodes.MaxPool, "max", stem, Window(3, padding=1, dilation=2))
    counts = build.conv(
        nodes.BinaryConv, "a", build.sign("a.sign", pooled), 9, Window(3, padding=1)
    )
    total = build.add_up("sum", counts, build.activate("relu", counts, "relu"))
    one = build.conv(nodes.BinaryConv, "b", build.sign("b.sign", total), 1, Window(3, padding=1))
    one = build.activate("rprelu", one, "rprelu")
    last = build.conv(nodes.BinaryConv, "c", build.sign("c.sign", one), 4, Window(3, 2, padding=1))
    graph = build.finish(build.classify("pool", "fc", last, 3))
    return cells.GraphSpec(graph=graph, template="cifar", input_size=32)


class TestOnEveryInstructionSet:
    @pytest.fixture(params=[*BACKENDS, "portable"])
    def forced(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
        """Force a backend; the portable one runs networks on generic vectors."""
        monkeypatch.setenv("BNAS_BINOPS_BACKEND", request.param)
        name: str = request.param
        return name

    @pytest.mark.parametrize("make", [grouped, summed])
    @pytest.mark.parametrize("size", [(32, 32), (17, 65)])
    def test_equals_the_module(
        self,
        forced: str,
        lively_network: Callable[..., Network],
        make: Callable[[], cells.GraphSpec],
        size: tuple[int, int],
    ) -> None:
        module = lively_network(make())
        packed = zoo.pack(module)
        images = np.random.default_rng(0).standard_normal((5, 3, *size), np.float32)
        result = compare_with_module(packed, module, images)
        assert result.wrong_bits == 0
        assert result.largest_error <= 1e-4
        expected = packed(images, threads=1)
        np.testing.assert_array_equal(packed(images, threads=2), expected)
        for count in (1, 3):
            np.testing.assert_array_equal(packed(images[:count]), expected[:count])
        np.testing.assert_array_equal(packed.trace(images)["logits"], expected)

    def test_all_answer_alike(
        self, forced: str, small_module: Network, small_network: zoo.PackedNetwork
    ) -> None:
        images = np.random.default_rng(1).standard_normal((3, 3, 16, 16), np.float32)
        logits = zoo.pack(small_module)(images)
        np.testing.assert_allclose(logits, small_network(images), rtol=0, atol=1e-5)


class TestSharing:
    def test_planes_of_one_layout_follow_each_other(self, small_network: zoo.PackedNetwork) -> None:
        parameters = small_network.parameters
        spans = lifetimes(emit(parameters.graph, parameters, (16, 16)).steps)
        holders: dict[int, list[tuple[int, int]]] = {}
        signs = small_network.program(16, 16)._signs
        for name, found in signs.items():
            holders.setdefault(found.planes.at.offset, []).append(spans[name])
        assert len(holders) < len(signs)
        for held in holders.values():
            ordered = sorted(held)
            for before, after in zip(ordered, ordered[1:], strict=False):
                assert before[1] < after[0]

    def test_programs_take_turns(
        self, lively_network: Callable[..., Network], small_network: zoo.PackedNetwork
    ) -> None:
        """What one program leaves in its memory is nothing to another, nor to the next call."""
        other = zoo.pack(lively_network(grouped()))
        rng = np.random.default_rng(2)
        small = rng.standard_normal((5, 3, 16, 16), np.float32)
        large = rng.standard_normal((3, 3, 32, 32), np.float32)
        calls = [(small_network, small), (other, large), (small_network, large), (other, -large)]
        first = [network(images) for network, images in calls]
        for _ in range(2):
            for (network, images), expected in zip(calls, first, strict=True):
                np.testing.assert_array_equal(network(images), expected)
                network.trace(images[:1])
                network.program(*images.shape[2:]).bits(images[1:2])
