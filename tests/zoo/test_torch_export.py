"""Exported torch checkpoints: rebuilt and packed again, they are the same network."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.zoo.errors import MissingExtraError, SaveError
from bnas.zoo.network import PackedNetwork
from bnas.zoo.torch_export import save_torch, torch_checkpoint


@pytest.fixture
def small_images(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images)


def test_it_is_rebuilt_from_its_specification(
    small_network: PackedNetwork, small_images: torch.Tensor, tmp_path: Path
) -> None:
    path = tmp_path / "small.pt"
    assert save_torch(small_network, path) == path.stat().st_size
    saved = torch.load(path, weights_only=True)
    spec = cells.NetworkSpec.from_json(saved["spec"])
    assert spec == small_network.spec
    module = Network(spec).eval()
    module.load_state_dict(saved["model"])
    with torch.no_grad():
        logits, expected = module(small_images), small_network.to_torch()(small_images)
    assert torch.equal(logits, expected)
    assert "classes" not in saved  # nobody knows them
    assert saved["facts"] == {"model": "custom network"}


@pytest.mark.parametrize("name", ["DARTS-V2", "BATS-style-real"])
def test_a_network_of_other_cells_is_packed_again(name: str, tmp_path: Path) -> None:
    spec = cells.spec(name, num_cells=3, channels=12, num_classes=3)
    network = zoo.pack(Network(spec).eval())
    save_torch(network, tmp_path / "net.pt")
    again = zoo.pack(tmp_path / "net.pt")
    assert again.spec == spec
    for key, tensor in network.parameters.tensors.items():
        np.testing.assert_array_equal(again.parameters.tensors[key], tensor, err_msg=key)


def test_it_is_packed_again(tmp_path: Path) -> None:
    network = zoo.load("BNAS-Mini")
    save_torch(network, tmp_path / "mini.pt")
    again = zoo.pack(tmp_path / "mini.pt", real_dtype="float16")
    assert again.card.class_names == network.card.class_names
    assert again.preprocessing == network.preprocessing
    for name, tensor in network.parameters.tensors.items():
        np.testing.assert_array_equal(again.parameters.tensors[name], tensor, err_msg=name)


def test_it_says_where_the_weights_come_from() -> None:
    card = zoo.card("BNAS-Mini")
    facts = torch_checkpoint(zoo.load("BNAS-Mini"))["facts"]
    assert facts["licence"] == card.licence
    assert facts["weights_sha256"] == card.sha256
    assert facts["model"] == "BNAS-Mini.plus-cpu"


def test_what_was_there_stays_where_nothing_can_be_written(
    small_network: PackedNetwork, tmp_path: Path
) -> None:
    with pytest.raises(SaveError, match="cannot write"):
        save_torch(small_network, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_torch_its_extra_is_named(
    small_network: PackedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bnas.zoo.torch_bridge", None)
    with pytest.raises(MissingExtraError, match=r"bnas-zoo\[torch\]"):
        torch_checkpoint(small_network)
