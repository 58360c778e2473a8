"""Exported C: compiled without a warning, it has the packed network's bits and logits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bnas import cells, zoo
from bnas.binops import tape
from bnas.cells import nodes
from bnas.cells.builder import Builder, Window
from bnas.cells.nn import Network
from bnas.cells.testing import graph_specs
from bnas.zoo.c_export import CSource, c_source
from bnas.zoo.images import prepare_batch
from bnas.zoo.photos import bundled_photos
from bnas.zoo.program.planes import written_bits
from bnas.zoo.program.steps import Load

Lively = Callable[..., Network]
RunC = Callable[..., bytes]
#: The packed network rounds products and sums once where this CPU's vectors do; so is C to do then.
ROUNDING = () if tape.best_isa().fuses else ("-DBNAS_UNFUSED",)
#: Writes the words of every image after every step, and its logits.
HARNESS = """
#include <stdio.h>
#define BNAS_AFTER_STEP(number) fwrite(word_memory, sizeof word_memory, 1, stdout)
#include "net.c"
int main(void)
{
    static float image[3 * NET_HEIGHT * NET_WIDTH], logits[NET_CLASSES];
    while (fread(image, sizeof image, 1, stdin) == 1) {
        (void)net_predict(image, logits);
        fwrite(logits, sizeof logits, 1, stdout);
    }
    return 0;
}
"""


def taken_apart(
    out: bytes, source: CSource, count: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Logits (N, classes) and bits by name, int8 (N, C, H, W), of what the harness wrote."""
    steps = [step for step in source.steps if not isinstance(step, Load)]
    words, classes = max(1, source.arenas.words.size), source.classes
    records = np.frombuffer(out, "<u4").reshape(count, -1)
    memory = records[:, :-classes].reshape(count, len(steps), words)
    last = {name: number for number, step in enumerate(steps) for name in written_bits(step)}
    bits = {
        name: _signs(memory[:, number, source.arenas.words.offsets[name] :], source, name)
        for name, number in last.items()
    }
    return np.ascontiguousarray(records[:, -classes:]).view("<f4"), bits


def _signs(memory: np.ndarray, source: CSource, name: str) -> np.ndarray:
    channels, height, width = source.arenas.shapes[name]
    count = -(-channels // 32)
    pixels = memory[:, : height * width * count].reshape(-1, height, width, count)
    flags = np.unpackbits(np.ascontiguousarray(pixels).view(np.uint8), axis=-1, bitorder="little")
    assert not flags[..., channels:].any()  # what is behind the last channel is 0
    return np.moveaxis(flags[..., :channels].astype(np.int8) * 2 - 1, -1, 1)


def check(
    run_c: RunC,
    network: zoo.PackedNetwork,
    images: np.ndarray,
    flags: tuple[str, ...],
) -> None:
    """Compare bits and logits with the packed network."""
    source = c_source(network, prefix="net", input_size=images.shape[-1])
    files = {"main.c": HARNESS, "net.c": source.text}
    out = run_c(files, images.tobytes(), flags=(*flags, *ROUNDING))
    logits, bits = taken_apart(out, source, len(images))
    expected = network.program(*images.shape[2:]).bits(images)
    assert bits.keys() == expected.keys()
    for name, signs in bits.items():
        np.testing.assert_array_equal(signs, expected[name], err_msg=name)
    reference = network(images)
    assert np.abs(logits - reference).max() <= 1e-4 * max(1, np.abs(reference).max())
    assert (logits.argmax(1) == reference.argmax(1)).all()


def noise(side: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 3, side, side)).astype(np.float32)


def _grouped() -> cells.GraphSpec:
    """Groups whose channels begin within words and cross them, and one channel a group."""
    build = Builder(role="op")
    stem = build.conv(nodes.Conv, "stem", build.images(), 60, Window(3, padding=1))
    sign = build.sign("sign", stem)
    sizes = {"in_channels": 60, "out_channels": 60, "kernel": 3, "bias": False}
    three = {**sizes, "groups": 3, "padding": 2, "dilation": 2}
    build.add(nodes.BinaryConv, "three", sign.name, **three)
    build.add(nodes.BinaryConv, "each", sign.name, **sizes, groups=60, padding=1)
    build.add(nodes.Conv, "real", stem.name, **sizes, groups=4, padding=1)
    parts = (evolve(stem, name=name) for name in ("three", "each", "real"))
    graph = build.finish(build.classify("pool", "fc", build.add_up("sum", *parts), 11))
    return cells.GraphSpec(graph=graph, template="cifar")


def _zeros() -> cells.GraphSpec:
    """A value of nothing but zeros, of which the signs alone are read."""
    build = Builder(role="op")
    images = build.images()
    build.add(nodes.Zero, "zeros", images.name, channels=3)
    parts = []
    for name, source in (("a", images), ("b", evolve(images, name="zeros"))):
        sign = build.sign(f"{name}.sign", source)
        parts.append(build.conv(nodes.BinaryConv, name, sign, 5, Window(3, padding=1)))
    graph = build.finish(build.classify("pool", "fc", build.add_up("sum", *parts), 2))
    return cells.GraphSpec(graph=graph, template="cifar", input_size=16)


SPECS = {
    "mini": cells.spec("BNAS-Mini", channels=4, num_classes=5),
    "wide": cells.spec("BNAS-Mini", channels=12, num_cells=3, num_classes=9),
    "binary skip": cells.spec("BNAS-A", channels=4, num_cells=5, reduction_skip="binary"),
    "pool skip": cells.spec("BNAS-A", channels=4, num_cells=5, reduction_skip="pool"),
    "rprelu": cells.spec("BNAS-Mini", channels=4, activation="rprelu"),
    "imagenet": cells.spec("BNAS-D", channels=4, num_cells=5, num_classes=7),
    "Bi-Real-18": cells.spec("Bi-Real-18", width=4, num_classes=5),
    "XNOR-ResNet-18": cells.spec("XNOR-ResNet-18", width=4, num_classes=5),
    "Bi-Real-18.float": cells.spec("Bi-Real-18.float", width=4, num_classes=5),
    "BNAS-Mini.float": cells.spec("BNAS-Mini.float", channels=4, num_cells=3, num_classes=5),
    "DARTS-V2": cells.spec("DARTS-V2", channels=4, num_cells=3, num_classes=5),
    "BATS-style-real": cells.spec("BATS-style-real", channels=12, num_cells=3, num_classes=5),
    "groups": _grouped(),
}


@pytest.mark.parametrize("name", SPECS)
def test_every_kind_of_network(
    lively_network: Lively, run_c: RunC, sanitizers: tuple[str, ...], name: str
) -> None:
    spec = SPECS[name]
    side = 16 if spec.template == "cifar" else 64
    check(run_c, zoo.pack(lively_network(spec)), noise(side), ("-O1", *sanitizers))


@settings(
    max_examples=6,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(spec=_zeros(), seed=0)
@given(spec=graph_specs(), seed=st.integers(0, 2**31))
def test_any_graph(lively_network: Lively, run_c: RunC, spec: cells.GraphSpec, seed: int) -> None:
    check(run_c, zoo.pack(lively_network(spec, seed)), noise(16), ("-O0",))


@pytest.fixture(scope="module")
def mini() -> zoo.PackedNetwork:
    return zoo.load("BNAS-Mini")


@pytest.fixture(scope="module")
def photos(mini: zoo.PackedNetwork) -> np.ndarray:
    return prepare_batch([photo.path for photo in bundled_photos()], mini.preprocessing)


@pytest.mark.parametrize(
    "flags", [("-O2", "-march=native"), ("-O2", "-DBNAS_PORTABLE")], ids=["native", "portable"]
)
def test_real_weights_on_photos(
    run_c: RunC, mini: zoo.PackedNetwork, photos: np.ndarray, flags: tuple[str, ...]
) -> None:
    check(run_c, mini, photos, flags)
