"""What surrounds the steps of an exported C file: entries, names, comment, errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnas import zoo
from bnas.zoo.c_export import c_source
from bnas.zoo.c_export.identifiers import as_comment, as_string, prefix_of
from bnas.zoo.c_export.kernels import kernels_text
from bnas.zoo.c_export.tables import Tables, literal
from bnas.zoo.errors import ExportError, SaveError
from bnas.zoo.images import prepare_batch
from bnas.zoo.parameters import in_half_precision
from bnas.zoo.photos import bundled_photos

RunC = Callable[..., bytes]
LABELS = ('a "quoted" one', "back\\slash", "čeština", "what??/", *"efghij")
CALLER = """
#define NET_DECLARATIONS_ONLY
#include "net.c"
#include "net.c"
#undef NET_DECLARATIONS_ONLY
#include "net.c"
#include <stdio.h>
int main(void)
{
    static float image[3 * NET_HEIGHT * NET_WIDTH], logits[NET_CLASSES];
    int i;
    if (net_predict(image, logits) != net_predict(image, 0))
        return 1;
    for (i = 0; i < NET_CLASSES; ++i)
        printf("%s\\n", net_class_names[i]);
    return 0;
}
"""


@pytest.fixture(scope="module")
def carded(small_network: zoo.PackedNetwork) -> zoo.PackedNetwork:
    """The small network with a card that is awkward to write down."""
    card = zoo.Card(
        name="Tiny",
        tag="try-1",
        trained=True,
        top1=12.5,
        num_classes=10,
        class_names=LABELS,
        preprocessing=small_network.preprocessing,
        licence="of */ one's own",
        sha256="ab" * 32,
    )
    return zoo.PackedNetwork(small_network.spec, small_network.parameters, card)


def test_the_program_reads_pixels_and_floats(run_c: RunC, carded: zoo.PackedNetwork) -> None:
    photos = [photo.path for photo in bundled_photos() if photo.path.stem.endswith("cifar10")]
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in photos])
    images = prepare_batch(photos, carded.preprocessing)
    expected = carded(images)
    files = {"net.c": c_source(carded).text}
    for data, arguments in ((pixels.tobytes(), ()), (images.tobytes(), ("float",))):
        out = run_c(files, data, flags=("-DBNAS_MAIN", "-O1"), arguments=arguments)
        logits = np.array([line.split() for line in out.decode().splitlines()], np.float32)
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_callers_include_declarations(run_c: RunC, carded: zoo.PackedNetwork) -> None:
    files = {"main.c": CALLER, "net.c": c_source(carded, prefix="net").text}
    assert run_c(files).decode().splitlines() == list(LABELS)


def test_without_a_fused_instruction(run_c: RunC, small_network: zoo.PackedNetwork) -> None:
    images = np.random.default_rng(1).standard_normal((2, 3, 32, 32)).astype(np.float32)
    files = {"net.c": c_source(small_network).text}
    flags = ("-DBNAS_MAIN", "-DBNAS_UNFUSED", "-O1")
    out = run_c(files, images.tobytes(), flags=flags, arguments=("float",))
    assert len(out.splitlines()) == len(images)


def test_real_weights_take_two_bytes_where_they_fit(small_network: zoo.PackedNetwork) -> None:
    halved = zoo.PackedNetwork(
        small_network.spec, in_half_precision(small_network.parameters), small_network.card
    )
    full, half = c_source(small_network), c_source(halved)
    assert "static const float singles_" in full.text
    assert "static const float singles_" not in half.text
    assert "static const uint16_t halves_" in half.text
    assert half.table_bytes < full.table_bytes
    assert half.static_bytes == full.static_bytes


def test_sizes_are_those_of_the_arrays(carded: zoo.PackedNetwork) -> None:
    source = c_source(carded)
    bytes_of = {"uint32_t": 4, "int32_t": 4, "float": 4, "uint16_t": 2, "int16_t": 2}
    tables = re.findall(r"^static const (\w+) \w+_\d+\[(\d+)\]", source.text, re.MULTILINE)
    assert sum(bytes_of[kind] * int(count) for kind, count in tables) == source.table_bytes
    arrays = re.findall(r"^static (float|u?int32_t) \w+\[(\d+)\];", source.text, re.MULTILINE)
    panel = 32 * (16 * 4 + 3 * 4)
    assert sum(4 * int(count) for _, count in arrays) + panel == source.static_bytes
    assert f"{source.table_bytes:,} bytes of tables" in source.text
    assert f"{source.static_bytes:,} bytes of static memory" in source.text


def test_the_comment_says_what_it_is(carded: zoo.PackedNetwork) -> None:
    source = c_source(carded)
    assert source.prefix == "tiny"
    comment, _, rest = source.text.partition("*/")
    assert rest.lstrip().startswith("#ifndef TINY_DECLARATIONS")
    for part in ("Tiny.try-1", "12.50 %", "of * / one's own", "ab" * 32, "cc -std=c99"):
        assert part in comment
    assert "cd" * 32 in c_source(carded, sha256="cd" * 32).text


def test_equal_networks_give_equal_text(carded: zoo.PackedNetwork) -> None:
    assert c_source(carded).text == c_source(carded).text


def test_it_asks_for_nothing(carded: zoo.PackedNetwork) -> None:
    text, _, _ = c_source(carded).text.partition("#ifdef BNAS_MAIN")
    assert set(re.findall(r"#include <(.*)>", text)) <= {"stdint.h", "intrin.h"}
    assert not re.search(r"\b(malloc|calloc|expf?|powf?)\s*\(", text)


@pytest.mark.parametrize("prefix", ["", "2nd", "a-b", "_x", "ä", "a b", "a\n"])
def test_a_bad_prefix_is_refused(carded: zoo.PackedNetwork, prefix: str) -> None:
    with pytest.raises(ExportError, match="`prefix` must be letters, digits and '_'"):
        c_source(carded, prefix=prefix)


def test_a_size_that_does_not_fit_is_refused(carded: zoo.PackedNetwork) -> None:
    with pytest.raises(ExportError, match=r"`input_size` must fit the network \(got 1 pixels\)"):
        c_source(carded, input_size=1)


def test_a_file_that_cannot_be_written_is_told(carded: zoo.PackedNetwork, tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="cannot write"):
        c_source(carded).save(tmp_path / "nowhere" / "tiny.c")


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("BNAS-Mini", "bnas_mini"), ("Bi-Real-18", "bi_real_18"), ("", "network"), ("8", "network")],
)
def test_prefixes(name: str, prefix: str) -> None:
    assert prefix_of(name) == prefix


def test_text_in_comments_and_strings() -> None:
    assert as_comment("a */ b\n/* č") == "a * / b / * ?"
    assert as_string('a"b\\č?') == '"a\\042b\\134\\304\\215\\077"'


@pytest.mark.parametrize("value", [0.1, -1.0, 1e-45, 3.4028235e38, 123456792.0, 0.0])
def test_literals_are_exact(value: float) -> None:
    text = literal(np.float32(value))
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?f", text)
    assert "." in text or "e" in text
    assert np.float32(text[:-1]) == np.float32(value)


def test_fragments_come_with_what_they_need() -> None:
    text = kernels_text({"pool_bits", "cut_floats"})
    names = re.findall(r"^(?:static .*?|struct )(\w+)(?:\(| \{)", text, re.MULTILINE)
    assert names == ["taps_inside", "put_bits", "window", "cut_floats", "pool_bits"]


def test_equal_tables_are_kept_once() -> None:
    tables = Tables()
    names = [tables.add("cut", np.arange(start, 3, dtype=np.int16)) for start in (0, 1, 0)]
    assert names == ["cut_0", "cut_1", "cut_0"]
    assert tables.nbytes == 2 * (3 + 2)
