"""The networks of the suite: their runtimes exist, and random weights are called so."""

from __future__ import annotations

import pytest

from benchmarks import kernels, networks
from bnas.tools.bench import RUNTIMES, Runtime


def test_every_entry_names_runtimes_that_exist() -> None:
    assert all(set(entry.runtimes) <= set(RUNTIMES) for entry in networks.ENTRIES)
    assert set(networks.SCALED) <= {entry.name for entry in networks.ENTRIES}


def test_trained_weights_are_taken_where_there_are_any() -> None:
    loaded = networks.load("BNAS-Mini")
    assert loaded is not None
    network, name, side = loaded
    assert (name, side) == ("BNAS-Mini", 32)
    assert network.card is not None and network.card.trained


def test_random_weights_are_named_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "random_network", lambda spec: spec)
    loaded = networks.load("BNAS-H")
    assert loaded is not None
    assert loaded[1:] == ("BNAS-H.random", 224)


def test_a_network_that_nobody_specified_is_left_out() -> None:
    assert networks.load("BNAS-Z") is None


def test_chains_without_openvino_are_left_out_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Runtime, "missing", lambda self: self.needs)
    found = kernels.chains(1, lambda line: None)
    assert found.records == ()
    assert [each.reason for each in found.skipped] == ["openvino is not installed"]


def test_a_packed_network_takes_the_memory_that_it_needs() -> None:
    """Goal: 30 MB. Numba made ready to compile is 31, room for images that never come 10."""
    (record,) = networks.memory(1, lambda line: None).records
    assert record.peak_mb < 40
