"""`load` and `load_file`: by name, from a file, and everything that must be refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from bnas import cells, zoo
from bnas.cells.nn import Network
from bnas.zoo.weights_file import WeightsHeader, write_weights


@pytest.fixture(scope="module")
def mini_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mini.safetensors"
    zoo.pack(Network(cells.spec("BNAS-Mini")), real_dtype="float16").save(path)
    return path


def test_weights_of_one_s_own(mini_file: Path) -> None:
    network = zoo.load("bnas-mini", weights=mini_file)
    assert network.spec == cells.spec("BNAS-Mini")
    assert network(np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 10)


def test_other_number_of_classes_is_the_same_architecture(tmp_path: Path) -> None:
    path = tmp_path / "seven.safetensors"
    zoo.pack(Network(cells.spec("BNAS-Mini", num_classes=7))).save(path)
    assert zoo.load("BNAS-Mini", weights=path).spec.num_classes == 7


def test_other_architecture_is_refused_and_named(mini_file: Path) -> None:
    with pytest.raises(zoo.WeightsFileError, match=r"another architecture than BNAS-A.*num_cells"):
        zoo.load("BNAS-A", weights=mini_file)


def test_unknown_model_proposes_names() -> None:
    with pytest.raises(zoo.UnknownModelError, match="did you mean 'BNAS-Mini'"):
        zoo.load("BNAS-Minni")


def test_untrained_model_is_said_to_be_untrained() -> None:
    untrained = zoo.list_models(trained=False)
    assert untrained
    with pytest.raises(zoo.UntrainedModelError, match=untrained[-1]):
        zoo.load(untrained[-1])


@pytest.mark.parametrize("path", [5, None, "", b"x", [], True])
def test_what_is_no_path(path: Any) -> None:
    with pytest.raises(zoo.WeightsFileError, match="`path` must be the path of a file"):
        zoo.load_file(path)
    if path is not None:
        with pytest.raises(zoo.WeightsFileError, match="`weights` must be the path of a file"):
            zoo.load("BNAS-A", weights=path)


@pytest.mark.parametrize("name", [5, None, "", ["BNAS-A"], "BNAS-A."])
def test_what_is_no_name(name: Any) -> None:
    with pytest.raises(zoo.UnknownModelError, match="BNAS-A"):
        zoo.load(name)


def test_a_tag_pins_the_weights() -> None:
    card = zoo.card("BNAS-A")
    assert card.tag
    assert zoo.load(f"bnas-a.{card.tag}").card == card
    with pytest.raises(zoo.UnknownModelError, match=f"did you mean.*'{card.full_name}'"):
        zoo.load("BNAS-A.plus-gpu")


def test_truncated_file(mini_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(mini_file.read_bytes()[:-100])
    with pytest.raises(zoo.WeightsFileError, match="short.safetensors"):
        zoo.load("BNAS-Mini", weights=path)


def test_tensors_of_another_specification(mini_file: Path, tmp_path: Path) -> None:
    network = zoo.load_file(mini_file)
    wider = attrs.evolve(network.spec, channels=26)
    path = tmp_path / "lying.safetensors"
    write_weights(path, network.parameters.tensors, WeightsHeader(spec=wider))
    with pytest.raises(zoo.WeightsFileError, match=r"lying.*must have shape"):
        zoo.load_file(path)


def test_more_cells_than_tensors_are_refused_at_once(mini_file: Path, tmp_path: Path) -> None:
    network = zoo.load_file(mini_file)
    path = tmp_path / "endless.safetensors"
    endless = attrs.evolve(network.spec, num_cells=1000)
    write_weights(path, network.parameters.tensors, WeightsHeader(spec=endless))
    with pytest.raises(zoo.WeightsFileError, match="1000 cells"):
        zoo.load_file(path)


def test_bits_behind_the_last_channel_are_refused(
    small_network: zoo.PackedNetwork, tmp_path: Path
) -> None:
    name = "cells.1.ops.1.conv.weight"  # six channels: two bits of each byte mean nothing
    tensors = dict(small_network.parameters.tensors)
    tensors[name] = tensors[name] | 0b1000_0000
    path = tmp_path / "tail.safetensors"
    write_weights(path, tensors, WeightsHeader(spec=small_network.spec))
    with pytest.raises(zoo.WeightsFileError, match=r"cells\.1\.ops\.1\.conv\.weight"):
        zoo.load_file(path)


def test_failed_save_keeps_the_old_file(
    small_network: zoo.PackedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.safetensors"
    small_network.save(path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        small_network.save(path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["kept.safetensors"]
