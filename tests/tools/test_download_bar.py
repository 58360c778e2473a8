"""The bar of a download is fed by the zoo, and hidden at the end whatever happened."""

from __future__ import annotations

import pytest

from bnas import zoo
from bnas.tools import download_bar, networks
from bnas.zoo.download import Progress


class Bar:
    """Stands in for the bar of rich."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.task_ids = [5]

    def add_task(self, text: str, total: int) -> None:
        self.told.append((text, total))

    def start(self) -> None:
        self.told.append("start")

    def advance(self, task: int, count: int) -> None:
        self.told.append((task, count))

    def stop(self) -> None:
        self.told.append("stop")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    bar = Bar()
    monkeypatch.setattr(download_bar, "progress_bar", lambda *_: bar)
    return bar.told


def test_it_counts_the_bytes_of_a_load(
    shown: list[object], monkeypatch: pytest.MonkeyPatch, tiny_network: zoo.PackedNetwork
) -> None:
    def load(name: str, *, weights: None, progress: Progress) -> zoo.PackedNetwork:
        progress.total = 300
        progress.update(200)
        progress.update(100)
        return tiny_network

    monkeypatch.setattr(zoo, "load", load)
    assert networks.load_network("BNAS-A") is tiny_network
    assert shown == [("fetching weights", 300), "start", (5, 200), (5, 100), "stop"]


def test_it_is_hidden_after_an_error(shown: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, *, weights: None, progress: Progress) -> None:
        progress.update(1)
        raise zoo.ChecksumError("another file")

    monkeypatch.setattr(zoo, "load", load)
    with pytest.raises(zoo.ChecksumError):
        networks.load_network("BNAS-A")
    assert shown[-1] == "stop"


def test_nothing_is_shown_where_nothing_is_fetched(shown: list[object]) -> None:
    networks.load_network("BNAS-Mini")
    assert shown == []
