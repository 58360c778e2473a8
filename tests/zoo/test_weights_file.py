"""A weights file comes back as it was written, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save

from bnas import cells
from bnas.zoo.cards import Card
from bnas.zoo.errors import ChecksumError, SaveError, WeightsFileError
from bnas.zoo.preprocessing import Preprocessing
from bnas.zoo.weights_file import WeightsHeader, read_weights, write_weights

CARD = Card(
    name="own",
    trained=True,
    num_classes=10,
    preprocessing=Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1)),
)
HEADER = WeightsHeader(spec=cells.spec("BNAS-Mini", num_cells=3, channels=8), card=CARD)
TENSORS = {
    "stem.weight": np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float16),
    "cells.0.bits": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "scale": np.array(0.25, np.float32),
    "nothing": np.zeros((0, 3), np.float32),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "own.safetensors"
    write_weights(path, TENSORS, HEADER)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a right file; written once, since every write waits for the disk."""
    path = tmp_path_factory.mktemp("whole") / "own.safetensors"
    write_weights(path, TENSORS, HEADER)
    return path.read_bytes()


def equal(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes()
        for name in left
    )


def refused(path: Path, *words: str) -> WeightsFileError:
    with pytest.raises(WeightsFileError) as caught:
        read_weights(path)
    message = str(caught.value)
    assert message.isprintable()
    for word in (path.name, *words):
        assert word in message
    assert caught.value.path == path
    return caught.value


def test_content_comes_back(path: Path) -> None:
    header, tensors = read_weights(path)
    assert header == HEADER
    assert list(tensors) == sorted(TENSORS)
    assert equal(tensors, TENSORS)


def test_a_card_is_optional(path: Path) -> None:
    header = attrs.evolve(HEADER, card=None, creator="somebody 1.0")
    write_weights(path, TENSORS, header)
    assert read_weights(path)[0] == header


def test_header_is_readable_by_others(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["format_version"]) == ("bnas-weights", "1")
    assert cells.NetworkSpec.from_json(metadata["spec"]) == HEADER.spec
    assert Card.from_json(metadata["card"]) == CARD


def test_equal_content_gives_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In other interpreters too, where safetensors would order the header in another way."""
    # The packages may be in reach of this process, in this folder, alone.
    places = (os.path.abspath(place) for place in sys.path if place)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    script = (
        "import sys, test_weights_file as t\n"
        "t.write_weights(sys.argv[1], dict(reversed(t.TENSORS.items())), t.HEADER)"
    )
    files = [tmp_path / f"{index}.safetensors" for index in range(3)]
    write_weights(files[0], TENSORS, HEADER)
    for file in files[1:]:
        command = [sys.executable, "-c", script, file]
        subprocess.run(command, cwd=Path(__file__).parent, check=True)
    assert len({file.read_bytes() for file in files}) == 1


def test_views_are_written_as_they_look(path: Path) -> None:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    views = {"t": base.T, "step": base[::-2, 1::2], "wide": np.broadcast_to(base[:1], (3, 6))}
    write_weights(path, views, HEADER)
    assert equal(read_weights(path)[1], views)


def test_a_binary_weight_takes_one_bit(tmp_path: Path) -> None:
    bits = {"weight": np.zeros(100_000, np.uint8)}
    write_weights(tmp_path / "bits", bits, HEADER)
    assert (tmp_path / "bits").stat().st_size < 100_000 + 4096


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        ("w", np.zeros(3, np.float64), "float64"),
        ("w", np.zeros(3, np.int8), "int8"),
        ("w", np.zeros(3, bool), "bool"),
        ("w", np.zeros(3, ">f4"), ">f4"),
        ("w", np.array(["a"]), "U1"),
        ("w", np.array([1, np.nan], np.float32), "NaN"),
        ("w", np.array([1, np.inf], np.float16), "infinity"),
        ("", np.zeros(3, np.uint8), "name"),
        ("__metadata__", np.zeros(3, np.uint8), "name"),
        (5, np.zeros(3, np.uint8), "name"),
    ],
)
def test_other_tensors_are_not_written(
    name: Any, array: np.ndarray, words: str, path: Path
) -> None:
    before = path.read_bytes()
    with pytest.raises(WeightsFileError, match=words):
        write_weights(path, {"ok": np.zeros(1, np.uint8), name: array}, HEADER)
    assert path.read_bytes() == before


def test_files_that_are_none(tmp_path: Path) -> None:
    refused(tmp_path / "missing", "no such file")
    refused(tmp_path, "directory")
    refused(tmp_path / ("x" * 300), "cannot open")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "no regular file")
    for name, content in [
        ("empty", b""),
        ("short", b"\x01\x02"),
        ("text", b"this is no weights file, but a letter\n" * 9),
        ("pickle", b"\x80\x04\x95" + bytes(100)),
        ("zip", b"PK\x03\x04" + bytes(100)),
    ]:
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, "truncated, damaged, or no safetensors file")


def test_every_truncation_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        refused(path)
    path.write_bytes(whole + b"\0")
    refused(path)


@pytest.mark.parametrize("claimed", [10**18, 2**63, 2**64 - 1, 90_000_000])
def test_a_header_that_lies_about_its_length(claimed: int, path: Path) -> None:
    path.write_bytes(claimed.to_bytes(8, "little") + path.read_bytes()[8:])
    refused(path)


def raw(path: Path, header: object, payload: bytes = b"") -> Path:
    """Write a safetensors file of any header, whatever it claims."""
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + payload)
    return path


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": {"dtype": "U8", "shape": [10**18], "data_offsets": [0, 10**18]}},
        {"a": {"dtype": "U8", "shape": [2**40, 2**40], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}},
        {"a": {"dtype": "U8", "shape": [8], "data_offsets": [8, 0]}},
        {"a": {"dtype": "U8", "shape": [-8], "data_offsets": [0, 8]}},
        {
            "a": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
            "b": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]},
        },
        {"a": {"dtype": "NEW", "shape": [8], "data_offsets": [0, 8]}},
        {"a": {"dtype": "\x1b[31m\n\x07", "shape": [8], "data_offsets": [0, 8]}},
        {"a": 5},
        [],
        "text",
    ],
)
def test_a_header_that_lies_about_tensors(tensors: Any, tmp_path: Path) -> None:
    metadata = {"format": "bnas-weights", "format_version": "1"}
    header = {"__metadata__": metadata, **tensors} if isinstance(tensors, dict) else tensors
    refused(raw(tmp_path / "lie", header, bytes(8)))


def rewritten(path: Path, **metadata: str | None) -> Path:
    """Change strings of the header as a hostile writer would: with a right checksum."""
    from bnas.zoo.weights_file import _content_sha256

    with safe_open(path, framework="numpy") as file:
        strings = file.metadata()
        tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
    strings = {key: value for key, value in {**strings, **metadata}.items() if value is not None}
    strings.pop("content_sha256", None)
    strings["content_sha256"] = _content_sha256(strings, tensors)
    path.write_bytes(save(tensors, strings))
    return path


def test_rewriting_alone_is_accepted(path: Path) -> None:
    assert equal(read_weights(rewritten(path))[1], TENSORS)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"format": "pt"}, ("'pt'", "'bnas-weights' is needed")),
        ({"format": None}, ("'not stated'", "'bnas-weights' is needed")),
        ({"format": "\x1b[31m\nred"}, ("'bnas-weights' is needed",)),
        ({"format_version": "2"}, ("version is '2'", "reads '1'")),
        ({"format_version": None}, ("version is 'not stated'",)),
        ({"spec": None}, ("no `spec`",)),
        ({"spec": "{"}, ("`spec` cannot be used",)),
        ({"spec": "[" * 100_000}, ("`spec` cannot be used",)),
        ({"spec": HEADER.spec.to_json().replace('"channels": 8', '"channels": 0')}, ("channels",)),
        ({"spec": HEADER.spec.to_json().replace("bin_conv_3x3", "bin_conv_9x9")}, ("9x9",)),
        ({"spec": "x" * 10_000}, ("`spec` cannot be used",)),
        ({"card": "{}"}, ("`card` cannot be used", "missing")),
        ({"card": "\n\n" + "y" * 10_000}, ("`card` cannot be used",)),
    ],
)
def test_headers_that_cannot_be_used(
    metadata: dict[str, str | None], words: tuple[str, ...], path: Path
) -> None:
    assert len(str(refused(rewritten(path, **metadata), *words))) < 1000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"shape":[2,3,4]', b'"shape":[4,3,2]'),
        (b'"dtype":"F16","shape":[4,3,3,3]', b'"dtype":"U8","shape":[4,3,3,3,2]'),
        (b'"dtype":"F32","shape":[0,3]', b'"dtype":"F16","shape":[0,3]'),
        (b'"scale"', b'"scala"'),
        (b'"creator":"bnas-zoo"', b'"creator":"bnas-zou"'),
    ],
)
def test_a_changed_header_is_noticed(old: bytes, new: bytes, path: Path) -> None:
    """Each leaves a file that safetensors takes as it is."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = whole[8 : 8 + length]
    assert header.count(old) == 1
    changed = header.replace(old, new)
    path.write_bytes(len(changed).to_bytes(8, "little") + changed + whole[8 + length :])
    with safe_open(path, framework="numpy") as file:
        assert len(file.keys()) == len(TENSORS)
    refused(path, "content is damaged")


def test_a_plain_safetensors_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(save({"a": np.zeros(3, np.float32)}))
    refused(tmp_path / "plain", "'bnas-weights' is needed")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3, np.int64), "I64"),
        (np.array([np.nan], np.float32), "NaN or infinity"),
        (np.array([-np.inf], np.float16), "NaN or infinity"),
    ],
)
def test_tensors_that_cannot_be_used(array: np.ndarray, words: str, path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    path.write_bytes(save({"odd": array}, metadata))
    refused(rewritten(path), words, "'odd'")


def test_expected_checksum(path: Path) -> None:
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert equal(read_weights(path, expected=right)[1], TENSORS)
    assert equal(read_weights(path, expected=right.upper())[1], TENSORS)
    with pytest.raises(ChecksumError, match=path.name) as caught:
        read_weights(path, expected="0" * 64)
    assert (caught.value.expected, caught.value.actual) == ("0" * 64, right)
    assert right in str(caught.value)
    assert "0" * 64 in str(caught.value)
    with pytest.raises(WeightsFileError, match="no such file"):
        read_weights(path.with_name("none"), expected=right)


@st.composite
def mutations(draw: st.DrawFn, whole: bytes) -> bytes:
    """Overwrite, insert, delete, swap or cut anywhere, most often in the header."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1) | st.integers(0, min(200, len(data) - 1)))
        match draw(st.sampled_from(["byte", "bit", "insert", "delete", "swap", "cut"])):
            case "byte":
                data[at] = draw(st.integers(0, 255))
            case "bit":
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                data[at:at] = draw(st.binary(max_size=9))
            case "delete":
                del data[at : at + draw(st.integers(1, 9))]
            case "swap":
                other = draw(st.integers(0, len(data) - 1))
                data[at], data[other] = data[other], data[at]
            case "cut":
                del data[at:]
        if not data:
            break
    return bytes(data)


@settings(max_examples=400)
@given(st.data())
def test_a_mutated_file_is_refused_or_intact(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(data.draw(mutations(whole)))
    try:
        header, tensors = read_weights(path)
    except WeightsFileError as error:
        assert str(error).isprintable()
    else:
        assert header == HEADER
        assert equal(tensors, TENSORS)


@settings(max_examples=60)
@given(st.data())
def test_any_header_of_right_checksum_is_judged(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    """A hostile specification or card, checksum and all, ends in our error as well."""
    path = tmp_path_factory.getbasetemp() / "hostile"
    path.write_bytes(whole)
    key = data.draw(st.sampled_from(["spec", "card"]))
    original = (HEADER.spec if key == "spec" else CARD).to_json()
    text = json.loads(original)
    field = data.draw(st.sampled_from(sorted(text)))
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    text[field] = data.draw(
        st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
    )
    try:
        read_weights(rewritten(path, **{key: json.dumps(text)}))
    except WeightsFileError as error:
        assert str(error).isprintable()


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow beyond 100 bytes, as on a disk that is full.

    Not a fixture: pytest reports between a test and the end of its fixtures, perhaps to a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_nothing(path: Path) -> None:
    before = path.read_bytes()
    with full_disk(), pytest.raises(SaveError, match="nothing was changed") as caught:
        write_weights(path, {"other": np.ones(1000, np.float32)}, HEADER)
    assert isinstance(caught.value, OSError)
    assert caught.value.path == path
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_move_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_weights(path, {"other": np.ones(10, np.float32)}, HEADER)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "none" / "w", tmp_path / "file" / "w", tmp_path):
        with pytest.raises(SaveError, match="cannot write"):
            write_weights(place, TENSORS, HEADER)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_link_stays_a_link(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    write_weights(link, {"new": np.ones(2, np.uint8)}, HEADER)
    assert link.is_symlink()
    assert list(read_weights(path)[1]) == ["new"]


def test_new_files_have_the_usual_permissions(path: Path) -> None:
    plain = path.with_name("plain")
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
