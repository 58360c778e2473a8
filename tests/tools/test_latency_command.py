from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from click.testing import Result

from bnas import zoo
from bnas.zoo import index, publishing
from bnas.zoo.latency import Latency

LATENCY = Latency(median_ms=1.25, min_ms=1.125, machine="a machine")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the command asks the zoo for; the zoo answers without measuring."""
    calls: list[tuple[object, ...]] = []

    def publish_latency(model: str, *, machine: str | None) -> index.Entry:
        calls.append((model, machine))
        entry = index.find_entry(model)
        return attrs.evolve(entry, card=attrs.evolve(entry.card, latency=LATENCY))

    monkeypatch.setattr(publishing, "publish_latency", publish_latency)
    return calls


def test_it_tells_what_was_measured(
    call: Callable[..., Result], document: Callable[..., Any], asked: list[tuple[object, ...]]
) -> None:
    output = call("latency", "BNAS-A").stdout
    for word in ("BNAS-A.plus-cpu", "1.25 ms", "1.125 ms", "a machine"):
        assert word in output
    found = document("latency", "BNAS-A", "--machine", "a machine")
    assert found["latency"] == attrs.asdict(LATENCY)
    assert asked == [("BNAS-A", None), ("BNAS-A", "a machine")]


def test_what_cannot_be_measured_is_refused(refusal: Callable[..., str]) -> None:
    before = index.INDEX_PATH.read_bytes()
    untrained = zoo.list_models(trained=False)[-1]
    assert f"{untrained} is not trained yet" in refusal("latency", untrained)
    assert "'BNAS-A'" in refusal("latency", "BNAS-AA")
    assert "`--machine` must be" in refusal("latency", "BNAS-A", "--machine", "")
    assert index.INDEX_PATH.read_bytes() == before


def test_info_tells_it(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    card = attrs.evolve(zoo.card("BNAS-A"), latency=LATENCY)
    monkeypatch.setattr(zoo, "card", lambda _: card)
    assert "1.25 ms an image on one thread, a machine" in call("info", "BNAS-A").stdout
