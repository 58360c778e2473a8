from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result

from bnas import cells, zoo
from bnas.cells.nn import Network


@pytest.fixture
def official(golden: Callable[[str], dict[str, np.ndarray]], tmp_path: Path) -> tuple[Path, Path]:
    """Write a checkpoint in the authors' form and the specification of its network."""
    arrays = golden("cifar_tiny_latest")
    state = {
        f"module.{name.removeprefix('sd/')}": torch.from_numpy(array)
        for name, array in arrays.items()
        if name.startswith("sd/")
    }
    checkpoint, file = tmp_path / "official.pt", tmp_path / "tiny.json"
    torch.save({"state_dict": state}, checkpoint)
    genotype = cells.genotypes["bnas-imagenet"]
    file.write_text(cells.NetworkSpec(genotype=genotype, num_cells=5, channels=8).to_json())
    return checkpoint, file


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Write a checkpoint as a finished training leaves it, as far as packing reads it."""
    spec = cells.NetworkSpec(genotype=cells.genotypes["bnas-cifar10"], num_cells=2, channels=4)
    path = tmp_path / "final.pt"
    torch.save({"spec": spec.to_json(), "model": Network(spec).state_dict()}, path)
    return path


def test_import_gives_the_authors_logits(
    document: Callable[..., Any],
    golden: Callable[[str], dict[str, np.ndarray]],
    official: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    checkpoint, spec = official
    out = tmp_path / "packed.safetensors"
    found = document("import", checkpoint, "--model", spec, "-o", out)
    arrays = golden("cifar_tiny_latest")
    network = zoo.load_file(out)
    error = np.abs(network(arrays["input"]) - arrays["logits"]).max()
    assert error <= 1e-5 * np.abs(arrays["logits"]).max()
    assert found == {
        "model": "custom",
        "path": str(out),
        "size_bytes": out.stat().st_size,
        "binary_weight_bytes": network.binary_weight_bytes,
        "real_parameter_bytes": network.real_parameter_bytes,
        "float_bytes": network.float_bytes,
    }


def test_import_refuses_another_network_s_checkpoint(
    refusal: Callable[..., str], official: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "packed.safetensors"
    message = refusal("import", official[0], "--model", "BNAS-D", "-o", out)
    assert message.startswith("the checkpoint is not BNAS-D")
    assert not out.exists()


def test_import_wants_a_known_model(
    refusal: Callable[..., str], official: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "packed.safetensors"
    assert "'BNAS-D'" in refusal("import", official[0], "--model", "BNASD", "-o", out)
    assert "--model" in refusal("import", official[0], "-o", out, code=2)


def test_pack_tells_the_sizes(call: Callable[..., Result], trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "packed.safetensors"
    output = call("pack", trained, "-o", out).stdout
    network = zoo.load_file(out)
    assert str(out) in output
    for size_bytes in (network.binary_weight_bytes, network.float_bytes, out.stat().st_size):
        assert f"{size_bytes / 1e6:.3f} MB" in output or f"{size_bytes / 1e6:.2f} MB" in output


def test_pack_halves_the_real_parameters_on_request(
    document: Callable[..., Any], trained: Path, tmp_path: Path
) -> None:
    full, half = (
        document("pack", trained, "-o", tmp_path / f"{dtype}.safetensors", "--real-dtype", dtype)
        for dtype in ("float32", "float16")
    )
    assert full["real_parameter_bytes"] == 2 * half["real_parameter_bytes"]
    assert full["binary_weight_bytes"] == half["binary_weight_bytes"]


@pytest.mark.parametrize("command", [("pack",), ("import", "--model", "BNAS-A")])
def test_what_is_no_checkpoint_is_refused(
    refusal: Callable[..., str], photo: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    out = tmp_path / "packed.safetensors"
    for source in (photo, tmp_path / "none.pt", tmp_path):
        assert repr(str(source)) in refusal(*command, source, "-o", out)
    assert not out.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_pack_refuses_weights_that_are_not_finite(
    refusal: Callable[..., str], trained: Path, tmp_path: Path, value: float
) -> None:
    state = torch.load(trained, weights_only=True)
    state["model"]["classifier.weight"][0, 0] = value
    torch.save(state, trained)
    out = tmp_path / "packed.safetensors"
    message = refusal("pack", trained, "-o", out)
    assert "`classifier.weight` must hold finite numbers" in message
    assert not out.exists()


def test_the_checkpoint_is_not_written_over(refusal: Callable[..., str], trained: Path) -> None:
    before = trained.read_bytes()
    assert "choose another -o" in refusal("pack", trained, "-o", trained)
    assert trained.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(
    refusal: Callable[..., str], trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "none" / "packed.safetensors"
    assert refusal("pack", trained, "-o", out) == f"no such folder: {str(out.parent)!r}"


@pytest.mark.parametrize("command", [("pack",), ("import", "--model", "BNAS-A")])
def test_without_torch_they_say_what_to_install(
    refusal: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    trained: Path,
    command: tuple[str, ...],
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", {"torch": None}.__getitem__)
    assert refusal(*command, trained, "-o", "x") == (
        f"`bnas-tools {command[0]}` needs torch: pip install 'bnas-zoo[torch]'"
    )
