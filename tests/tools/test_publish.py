from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bnas import zoo
from bnas.zoo import index, publishing

OPTIONS = ("--tag", "first", "--dataset", "CIFAR-10", "--recipe", "plus-cpu", "--data", "photos")
MORE = ("--version", "2", "--machine", "a machine", "--keep-default")


def test_what_is_told_is_handed_on(
    document: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tiny_network: zoo.PackedNetwork
) -> None:
    calls: list[Any] = []

    def publish(*arguments: object, progress: object, **named: object) -> index.Entry:
        calls.append((*arguments, named))
        assert tiny_network.card is not None
        return entry_of(tiny_network.card)

    monkeypatch.setattr(publishing, "publish", publish)
    found = document(
        "publish", "final.pt", "--model", "BNAS-Mini", *OPTIONS, "--home", "wheel", *MORE
    )
    provenance = publishing.Provenance(
        tag="first", dataset="CIFAR-10", recipe="plus-cpu", version="2"
    )
    settings = {"home": "wheel", "default": False, "machine": "a machine"}
    assert calls == [("final.pt", "BNAS-Mini", "photos", provenance, settings)]
    assert (found["name"], found["tag"]) == ("Tiny", "random")


def entry_of(card: zoo.Card) -> index.Entry:
    known = {**card.to_dict(), "sha256": "0" * 64, "size_bytes": 1}
    return index.Entry(card=zoo.Card.from_dict(known), file="tiny.safetensors")


def test_what_is_no_final_checkpoint_is_refused(
    refusal: Callable[..., str], photo: Path, tmp_path: Path
) -> None:
    before = index.INDEX_PATH.read_bytes()
    for wrong in (photo, tmp_path / "none.pt"):
        message = refusal("publish", wrong, "--model", "BNAS-Mini", *OPTIONS)
        assert repr(str(wrong)) in message
    assert index.INDEX_PATH.read_bytes() == before
