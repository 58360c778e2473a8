"""A card says what is known, keeps saying it through JSON, and takes nothing else."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas import cells
from bnas.zoo.cards import CIFAR10_CLASSES, Card
from bnas.zoo.counts import Counts
from bnas.zoo.errors import CardError, ZooError
from bnas.zoo.latency import Latency
from bnas.zoo.preprocessing import Preprocessing

HOW = Preprocessing(size=32, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
MINI = Card(
    name="BNAS-Mini",
    tag="cpu",
    trained=True,
    top1=61.25,
    top5=95,
    published_source=None,
    dataset="CIFAR-10, JPEG",
    num_classes=10,
    class_names=CIFAR10_CLASSES,
    preprocessing=HOW,
    recipe="SGD, one cycle",
    epochs=7,
    seed=0,
    measured_with="packed Program",
    sha256="ab" * 32,
    size_bytes=500_000,
    float_size_bytes=5_900_000,
    licence="Apache-2.0",
    notes='ten classes, "narrow" – 32²',
)
LATENCY = Latency(median_ms=1.5, min_ms=1.25, machine="a machine")
COUNTS = Counts.of(cells.spec("BNAS-Mini"))
UNTRAINED = Card(name="BNAS-E", trained=False, num_classes=1000, preprocessing=HOW)


def changed(**changes: Any) -> dict[str, Any]:
    return {**MINI.to_dict(), **changes}


def cards() -> st.SearchStrategy[Card]:
    percent = st.none() | st.floats(0, 50)
    words = st.none() | st.text()
    count = st.none() | st.integers(1, 10**12)
    return st.builds(
        Card,
        name=st.text(min_size=1).filter(lambda name: "." not in name),
        tag=st.from_regex(r"[a-z0-9][a-z0-9-]{0,9}", fullmatch=True),
        trained=st.just(True),
        top1=percent,
        top5=st.none() | st.floats(50, 100),
        published_top1=percent,
        dataset=words,
        num_classes=st.just(3),
        class_names=st.just(()) | st.lists(st.text(min_size=1), min_size=3, max_size=3),
        preprocessing=st.just(HOW),
        recipe=words,
        epochs=count,
        seed=count,
        version=words,
        counts=st.none() | st.just(COUNTS),
        latency=st.none() | st.just(LATENCY),
        size_bytes=count,
        notes=st.text(),
    )


@given(cards())
def test_json_round_trip(card: Card) -> None:
    assert Card.from_json(card.to_json()) == card


def test_json_is_one_object_of_every_field() -> None:
    data = json.loads(MINI.to_json())
    assert list(data) == [each.name for each in attrs.fields(Card)]
    assert data["preprocessing"]["size"] == 32


def test_what_follows_from_the_fields() -> None:
    assert MINI.full_name == "BNAS-Mini.cpu"
    assert UNTRAINED.full_name == "BNAS-E"
    assert (MINI.architecture, UNTRAINED.architecture) == ("BNAS-Mini", "BNAS-E")
    assert MINI.normalization.mean == (0.5, 0.5, 0.5)
    assert MINI.normalization.std == (0.25, 0.25, 0.25)
    assert [MINI.label(index) for index in (0, 9)] == ["airplane", "truck"]
    assert UNTRAINED.label(17) == "class 17"


def test_a_card_does_not_change() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        MINI.top1 = 99.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "BNAS-A.lean"),
        ("name", 5),
        ("tag", "Lean"),
        ("tag", "a.b"),
        ("tag", None),
        ("trained", 1),
        ("trained", "yes"),
        ("top1", 101),
        ("top1", -0.5),
        ("top1", True),
        ("top1", "61"),
        ("top5", 10**400),
        ("top5", 50.0),
        ("published_top1", [1]),
        ("dataset", 10),
        ("num_classes", 0),
        ("num_classes", 10.0),
        ("num_classes", None),
        ("class_names", ["a", "b"]),
        ("class_names", ["a", ""]),
        ("class_names", "airplane"),
        ("class_names", {"a": 1}),
        ("preprocessing", None),
        ("preprocessing", {"size": 32}),
        ("preprocessing", {**attrs.asdict(HOW), "std": [0, 0, 0]}),
        ("preprocessing", {**attrs.asdict(HOW), "crop": 1}),
        ("version", 1),
        ("counts", 5),
        ("counts", {"params": 5}),
        ("latency", [1.0]),
        ("latency", {**attrs.asdict(LATENCY), "threads": 1}),
        ("epochs", 1.5),
        ("seed", -1),
        ("sha256", "AB" * 32),
        ("sha256", "ab" * 31),
        ("size_bytes", 0),
        ("notes", None),
        ("format_version", 2),
        ("format_version", "1"),
        ("format_version", True),
    ],
)
def test_wrong_fields_are_named(field: str, value: object) -> None:
    with pytest.raises(CardError, match=f"`{field}`"):
        Card.from_dict(changed(**{field: value}))


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, None, "5"])
def test_counts_are_numbers(value: object) -> None:
    counts = {**attrs.asdict(COUNTS), "real_macs": value}
    with pytest.raises(CardError, match="`real_macs` must be a number >= 0"):
        Card.from_dict(changed(counts=counts))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_no_number_is_no_percent(text: str) -> None:
    with pytest.raises(CardError, match="`top1` must be"):
        Card.from_json(MINI.to_json().replace("61.25", text))


@pytest.mark.parametrize("text", ["", "[", "[]", "null", "3", '"card"', "[" * 100_000])
def test_what_is_no_card(text: str) -> None:
    with pytest.raises(CardError, match="a card must be"):
        Card.from_json(text)


def test_unknown_and_missing_fields_are_listed() -> None:
    with pytest.raises(CardError, match=r"unknown: \['accuracy'\], missing: none"):
        Card.from_dict(changed(accuracy=1))
    data = changed()
    del data["trained"], data["name"]
    with pytest.raises(CardError, match=r"unknown: none, missing: \['name', 'trained'\]"):
        Card.from_dict(data)


def test_a_newer_form_is_named_before_its_unknown_fields() -> None:
    with pytest.raises(CardError, match="`format_version` of a card must be 1 .got 2"):
        Card.from_dict(changed(format_version=2, latency_ms=4))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tag", "x"),
        ("top1", 60.0),
        ("epochs", 3),
        ("sha256", "ab" * 32),
        ("size_bytes", 5),
        ("version", "1"),
        ("latency", LATENCY),
    ],
)
def test_an_untrained_model_states_no_results(field: str, value: object) -> None:
    with pytest.raises(CardError, match=rf"trained=false must not state \['{field}'\]"):
        attrs.evolve(UNTRAINED, **{field: value})


def test_errors_are_of_two_kinds() -> None:
    with pytest.raises(ValueError) as caught:
        Card.from_json("")
    assert isinstance(caught.value, ZooError)
