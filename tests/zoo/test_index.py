"""The index lists every model, finds what is meant, and grows without losing anything."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from bnas import cells
from bnas.zoo.cards import CIFAR10_CLASSES, Card
from bnas.zoo.errors import UnknownModelError, WeightsFileError, WeightsIndexError
from bnas.zoo.index import (
    INDEX_PATH,
    PACKAGE_DATA,
    Entry,
    Index,
    bundled_index,
    card,
    entry_for_file,
    find_entry,
    list_models,
    read_index,
    register,
)
from bnas.zoo.preprocessing import Preprocessing
from bnas.zoo.weights_file import WeightsHeader, write_weights

HOW = Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1))


def trained_card(name: str = "BNAS-A", tag: str = "lean", **changes: Any) -> Card:
    values = {"sha256": "0" * 64, "size_bytes": 9, **changes}
    return Card(name=name, tag=tag, trained=True, num_classes=10, preprocessing=HOW, **values)


def trained(name: str = "BNAS-A", tag: str = "lean") -> Entry:
    return Entry(card=trained_card(name, tag), file=f"{name}.{tag}.safetensors")


def untrained(name: str) -> Entry:
    return Entry(card=Card(name=name, trained=False, num_classes=10, preprocessing=HOW))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "BNAS-Mini.safetensors"
    header = WeightsHeader(spec=cells.spec("BNAS-Mini"))
    write_weights(path, {"w": np.arange(5, dtype=np.uint8)}, header)
    return path


@pytest.fixture
def index_path(tmp_path: Path) -> Path:
    return Path(shutil.copy(INDEX_PATH, tmp_path / "index.json"))


def test_the_nine_are_listed_in_order() -> None:
    assert list_models() == cells.list_specs()
    assert list_models() == tuple(f"BNAS-{letter}" for letter in ("Mini", *"ABCDEFGH"))
    assert set(list_models(trained=True)) | set(list_models(trained=False)) == set(list_models())
    assert not set(list_models(trained=True)) & set(list_models(trained=False))


@pytest.mark.parametrize("name", cells.list_specs())
def test_cards_fit_their_networks(name: str) -> None:
    known, spec = card(name), cells.spec(name)
    assert known.name == known.architecture == name
    assert known.num_classes == spec.num_classes
    assert known.preprocessing.size == spec.input_size
    assert known.class_names == (CIFAR10_CLASSES if spec.num_classes == 10 else ())
    assert known.trained == (name in list_models(trained=True))


@pytest.mark.parametrize(
    ("letter", "top1", "top5"),
    [
        ("Mini", None, None),
        ("A", 92.70, None),
        ("B", None, None),
        ("C", 94.43, None),
        ("D", 57.69, 79.89),
        ("E", 58.76, 80.61),
        ("F", 58.99, 80.85),
        ("G", 59.81, 81.61),
        ("H", 63.51, 83.91),
    ],
)
def test_published_accuracies(letter: str, top1: float | None, top5: float | None) -> None:
    """References: ECCV 2020 BNAS, Tables 2 and 3; C as quoted by a follow-up, EBNAS."""
    known = card(f"BNAS-{letter}")
    assert (known.published_top1, known.published_top5) == (top1, top5)
    assert (known.published_source is None) == (top1 is None)
    assert ("EBNAS" in (known.published_source or "")) == (letter == "C")


def test_weights_in_the_wheel_are_the_index_s() -> None:
    shipped = {entry.file for entry in bundled_index().entries if entry.home == "wheel"}
    assert {path.name for path in PACKAGE_DATA.iterdir()} == {"index.json", *shipped}
    for entry in bundled_index().entries:
        if entry.home == "wheel":
            measured = entry_for_file(PACKAGE_DATA / str(entry.file), entry.card, home="wheel")
            assert measured == entry


@pytest.mark.parametrize("name", ["BNAS-E", "bnas-e", "Bnas-E"])
def test_case_does_not_matter(name: str) -> None:
    assert find_entry(name).card.name == "BNAS-E"
    assert card(name) is find_entry(name).card


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("BNAS-Z", "'BNAS-H'"), ("bnas e", "'BNAS-E'"), ("resnet", "BNAS-H"), ("", "BNAS-H")],
)
def test_unknown_names_list_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownModelError, match="unknown model") as caught:
        card(name)
    assert nearest in str(caught.value)
    assert isinstance(caught.value, KeyError)
    assert caught.value.name == name


def test_tags_pin_weights() -> None:
    index = Index([trained(tag="lean"), trained(tag="wide"), untrained("BNAS-B")])
    assert index.find("BNAS-A").card.tag == "lean"
    assert index.find("BNAS-A.wide").card.tag == "wide"
    assert index.find("bnas-a.WIDE").card.tag == "wide"
    assert index.names() == ("BNAS-A", "BNAS-B")
    assert index.names(trained=True) == ("BNAS-A",)
    assert index.names(trained=False) == ("BNAS-B",)
    with pytest.raises(UnknownModelError, match="'BNAS-A.wide'"):
        index.find("BNAS-A.wise")


def test_a_new_entry_becomes_the_default_unless_told_otherwise() -> None:
    index = Index([untrained("BNAS-Mini"), untrained("BNAS-A"), untrained("BNAS-B")])
    first = index.with_entry(trained(tag="lean"))
    assert [e.card.full_name for e in first.entries] == ["BNAS-Mini", "BNAS-A.lean", "BNAS-B"]
    second = first.with_entry(trained(tag="wide"))
    assert [e.card.tag for e in second.entries] == ["", "wide", "lean", ""]
    again = second.with_entry(trained(tag="lean"))
    assert [e.card.tag for e in again.entries] == ["", "lean", "wide", ""]
    beside = second.with_entry(trained(tag="small"), default=False)
    assert [e.card.tag for e in beside.entries] == ["", "wide", "lean", "small", ""]
    alone = index.with_entry(trained(tag="lean"), default=False)
    assert alone.find("BNAS-A").card.tag == "lean"
    assert [e.card.name for e in index.with_entry(untrained("own")).entries][-1] == "own"


def test_json_round_trip() -> None:
    index = bundled_index().with_entry(trained())
    assert Index.from_json(index.to_json()) == index
    assert len(index.to_json().splitlines()) == len(index.entries) + 2


@pytest.mark.parametrize(
    "change",
    [
        {"file": None},
        {"file": "../secret"},
        {"file": ".."},
        {"file": "a/b"},
        {"file": "a\\b"},
        {"file": "a b"},
        {"file": 5},
        {"home": "cloud"},
        {"url": "ftp://example.org/a"},
        {"url": 5},
        {"card": trained_card(tag="")},
        {"card": trained_card(sha256=None)},
        {"card": trained_card(size_bytes=None)},
    ],
)
def test_entries_that_cannot_be(change: dict[str, Any]) -> None:
    with pytest.raises(WeightsIndexError, match="BNAS-A"):
        attrs.evolve(trained(), **change)


def test_an_untrained_entry_has_no_file() -> None:
    with pytest.raises(WeightsIndexError, match="untrained and must not"):
        attrs.evolve(untrained("BNAS-A"), file="a.safetensors")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        "{}",
        '{"format": "other", "version": 1, "models": []}',
        '{"format": "bnas-zoo-index", "version": 2, "models": []}',
        '{"format": "bnas-zoo-index", "version": 1}',
        '{"format": "bnas-zoo-index", "version": 1, "models": {}}',
        '{"format": "bnas-zoo-index", "version": 1, "models": [], "more": 1}',
        '{"format": "bnas-zoo-index", "version": 1, "models": [5]}',
        '{"format": "bnas-zoo-index", "version": 1, "models": [{"card": {}}]}',
        '{"format": "bnas-zoo-index", "version": 1, "models": '
        '[{"card": {}, "file": null, "home": "weights", "url": null}]}',
    ],
)
def test_a_damaged_index_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsIndexError):
        Index.from_json(text)
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(WeightsIndexError, match="cannot be used") as caught:
        read_index(tmp_path / "index.json")
    assert caught.value.path == tmp_path / "index.json"


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsIndexError, match="index.json"):
        read_index(tmp_path / "index.json")
    (tmp_path / "index.json").write_bytes(b"\xff\xfe")
    with pytest.raises(WeightsIndexError, match="index.json"):
        read_index(tmp_path / "index.json")


def test_an_entry_measures_its_file(weights: Path) -> None:
    entry = entry_for_file(weights, trained_card("BNAS-Mini", "cpu", sha256=None), home="wheel")
    content = weights.read_bytes()
    assert entry.card.sha256 == hashlib.sha256(content).hexdigest()
    assert entry.card.size_bytes == len(content)
    assert (entry.file, entry.home, entry.url) == ("BNAS-Mini.safetensors", "wheel", None)
    with pytest.raises(WeightsFileError, match="no such"):
        entry_for_file(weights.with_name("none"), entry.card)
    weights.write_bytes(content[:-1])
    with pytest.raises(WeightsFileError, match="damaged"):
        entry_for_file(weights, entry.card)


def test_registering_makes_a_model_trained(weights: Path, index_path: Path) -> None:
    entry = entry_for_file(weights, trained_card("BNAS-Mini", "cpu"), home="wheel")
    before = read_index(index_path)
    register(entry, index_path=index_path)
    after = read_index(index_path)
    assert after.find("BNAS-Mini") == after.find("BNAS-Mini.cpu") == entry
    assert after.names() == before.names()
    assert "BNAS-Mini" in after.names(trained=True)
    others = [name for name in after.names() if name != "BNAS-Mini"]
    assert [after.find(name) for name in others] == [before.find(name) for name in others]
    register(entry, index_path=index_path)
    assert read_index(index_path) == after


def test_the_wheel_holds_what_is_beside_the_index(weights: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    index_path = Path(shutil.copy(INDEX_PATH, elsewhere))
    before = index_path.read_bytes()
    entry = entry_for_file(weights, trained_card("BNAS-Mini", "cpu"), home="wheel")
    with pytest.raises(WeightsIndexError, match="beside the index"):
        register(entry, index_path=index_path)
    assert index_path.read_bytes() == before
    register(attrs.evolve(entry, home="weights"), index_path=index_path)
    assert json.loads(index_path.read_text())["models"][0]["home"] == "weights"
