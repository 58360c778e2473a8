from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from bnas import cells, zoo
from bnas.tools.networks import name_of


def test_json_of_a_model_without_weights(document: Callable[..., Any]) -> None:
    name = zoo.list_models(trained=False)[-1]
    found = document("info", name.lower())
    report = cells.cost(cells.spec(name))
    assert (found["model"], found["card"]["trained"]) == (name, False)
    assert (found["size_bytes"], found["binary_weight_bytes"]) == (None, None)
    assert found["float_bytes"] == 4 * report.params
    assert [each["name"] for each in found["real_layers"]] == [
        layer.name for layer in report.real_layers
    ]


def test_json_of_a_weights_file(
    document: Callable[..., Any], tiny_weights: Path, tiny_network: zoo.PackedNetwork
) -> None:
    found = document("info", tiny_weights)
    assert (found["model"], found["card"]["tag"]) == ("Tiny.random", "random")
    assert found["size_bytes"] == tiny_weights.stat().st_size
    assert found["binary_weight_bytes"] == tiny_network.binary_weight_bytes
    assert found["real_parameter_bytes"] == tiny_network.real_parameter_bytes
    assert found["float_bytes"] == tiny_network.float_bytes


def test_table_has_the_size_on_disk_beside_the_float_size(
    call: Callable[..., Result], mini_weights: Path
) -> None:
    output = call("info", "BNAS-Mini", "--weights", mini_weights).stdout
    size_bytes, float_bytes = mini_weights.stat().st_size, 4 * 1_473_784
    assert f"{size_bytes / 1e6:.2f} MB" in output
    assert f"{float_bytes / 1e6:.2f} MB ({float_bytes / size_bytes:.1f}x as much)" in output
    assert "stem.conv" in output
    assert "not trained" not in output


def test_a_file_without_a_card_says_so(
    call: Callable[..., Result], tiny_network: zoo.PackedNetwork, tmp_path: Path
) -> None:
    file = tmp_path / "bare.safetensors"
    zoo.PackedNetwork(tiny_network.spec, tiny_network.parameters).save(file)
    output = call("info", file).stdout
    assert output.startswith("custom")
    assert "the file does not say" in output


def test_wrong_names_and_files_are_refused(
    refusal: Callable[..., str], tiny_weights: Path, tmp_path: Path
) -> None:
    assert "'BNAS-H'" in refusal("info", "BNAS-HH")
    assert refusal("info", tmp_path / "no.safetensors").startswith("no such file")
    assert "another architecture" in refusal("info", "BNAS-A", "--weights", tiny_weights)


@pytest.mark.parametrize("changes", [{}, {"num_classes": 3}, {"real_weight_tail": 2}])
def test_an_architecture_without_a_card_is_named(changes: dict[str, int]) -> None:
    network = SimpleNamespace(card=None, spec=cells.spec("BNAS-Mini", **changes))
    assert name_of(network) == "BNAS-Mini"
    assert name_of(SimpleNamespace(card=None, spec=cells.spec("BNAS-A", channels=8))) == "custom"


@pytest.mark.parametrize("name", ["Bi-Real-18", "XNOR-ResNet-18", "BNAS-A.float"])
def test_a_network_without_weights_in_the_zoo_is_described(
    document: Callable[..., Any], call: Callable[..., Result], name: str
) -> None:
    found = document("info", name.lower())
    report = cells.cost(cells.spec(name))
    assert (found["model"], found["card"], found["size_bytes"]) == (name, None, None)
    assert found["float_bytes"] == 4 * report.params
    assert len(found["real_layers"]) == len(report.real_layers)
    assert "the zoo has no weights of this network" in call("info", name).stdout


def test_a_specification_s_file_is_described(document: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "net.json").write_text(cells.spec("Bi-Real-34", width=8).to_json())
    assert document("info", tmp_path / "net.json")["model"] == "custom"
