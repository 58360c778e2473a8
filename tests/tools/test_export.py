from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from bnas import zoo
from bnas.tools import extras
from bnas.zoo.checksum import file_sha256


def test_a_file_of_ones_own(
    document: Callable[..., Any], tiny_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tiny.c"
    told = document("export", tiny_weights, "--format", "c", "-o", out)
    text = out.read_text(encoding="ascii")
    assert told == {
        "model": "Tiny.random",
        "format": "c",
        "path": str(out),
        "size_bytes": len(text),
        "flash_bytes": told["flash_bytes"],
        "ram_bytes": told["ram_bytes"],
        "prefix": "tiny",
        "input_size": 32,
    }
    assert f"{told['flash_bytes']:,} bytes of tables" in text
    assert f"{told['ram_bytes']:,} bytes of static memory" in text
    assert file_sha256(tiny_weights) in text
    assert "int tiny_predict(const float *image, float *logits);" in text


def test_options(call: Callable[..., Any], tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "net.c"
    options = ("--prefix", "my_net", "--input-size", "16", "--format", "c", "-o", out)
    result = call("export", tiny_weights, *options)
    assert "16x16 pixels" in result.stdout
    text = out.read_text(encoding="ascii")
    assert "#define MY_NET_HEIGHT 16" in text
    assert "my_net_predict_rgb" in text


def test_the_zoo_s_own(call: Callable[..., Any], tmp_path: Path) -> None:
    result = call("export", "BNAS-Mini", "--format", "c", "-o", tmp_path / "mini.c")
    assert result.stdout.startswith("BNAS-Mini.plus-cpu in C\n")
    assert "bnas_mini_predict_rgb" in (tmp_path / "mini.c").read_text(encoding="ascii")


def test_onnx(document: Callable[..., Any], tiny_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny.onnx"
    arguments = ("export", tiny_weights, "--format", "onnx", "--input-size", "16", "-o", out)
    told = document(*arguments)
    assert told == {
        "model": "Tiny.random",
        "format": "onnx",
        "path": str(out),
        "size_bytes": out.stat().st_size,
        "opset": 17,
        "input_size": 16,
    }
    model = onnx.load(out)
    onnx.checker.check_model(model, full_check=True)
    said = {prop.key: prop.value for prop in model.metadata_props}
    assert said["weights_sha256"] == file_sha256(tiny_weights)
    document(*arguments, "--plain-weights")
    plain = onnx.load(out)
    assert onnx.TensorProto.UINT8 in {each.data_type for each in model.graph.initializer}
    assert onnx.TensorProto.UINT8 not in {each.data_type for each in plain.graph.initializer}


def test_torch(
    document: Callable[..., Any], call: Callable[..., Any], tiny_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "tiny.pt"
    told = document("export", tiny_weights, "--format", "torch", "-o", out)
    assert told == {
        "model": "Tiny.random",
        "format": "torch",
        "path": str(out),
        "size_bytes": out.stat().st_size,
    }
    saved = torch.load(out, weights_only=True)
    assert saved["facts"]["weights_sha256"] == file_sha256(tiny_weights)
    call("pack", out, "-o", tmp_path / "again.safetensors")
    images = np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32)
    again = zoo.load_file(tmp_path / "again.safetensors")
    np.testing.assert_array_equal(again(images), zoo.load_file(tiny_weights)(images))


def test_titles(call: Callable[..., Any], tiny_weights: Path, tmp_path: Path) -> None:
    for file_format, title in (("onnx", "in ONNX"), ("torch", "for torch")):
        out = tmp_path / file_format
        result = call("export", tiny_weights, "--format", file_format, "-o", out)
        assert result.stdout.startswith(f"Tiny.random {title}\n")


@pytest.mark.parametrize("module", ["onnx", "torch"])
def test_what_a_format_needs(
    refusal: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tiny_weights: Path,
    tmp_path: Path,
    module: str,
) -> None:
    monkeypatch.setattr(extras, "_is_there", lambda name: name != module)
    told = refusal("export", tiny_weights, "--format", module, "-o", tmp_path / "net")
    assert told.startswith(f"`bnas-tools export --format {module}` needs {module}: pip install")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--format", "d"), 2, "Invalid value for '--format': 'd' is not one of 'c', 'onnx'"),
        ((), 2, "Missing option '--format'"),
        (("--format", "c", "--prefix", "2"), 1, "`--prefix` must be letters, digits and '_'"),
        (("--format", "c", "--input-size", "1"), 1, "`--input-size` must fit the network"),
        (("--format", "onnx", "--input-size", "1"), 1, "`--input-size` must fit the network"),
        (("--format", "onnx", "--prefix", "a"), 2, "--prefix is of --format c (got --format onnx)"),
        (("--format", "torch", "--input-size", "32"), 2, "--input-size is of --format c and onnx"),
        (("--format", "c", "--plain-weights"), 2, "--plain-weights is of --format onnx"),
    ],
)
def test_mistakes(
    refusal: Callable[..., str],
    tiny_weights: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    out = tmp_path / "net.c"
    assert message in refusal("export", tiny_weights, *options, "-o", out, code=code)
    assert not out.exists()


@pytest.mark.parametrize("file_format", ["c", "onnx", "torch"])
def test_places_that_cannot_be_written(
    refusal: Callable[..., str], tiny_weights: Path, tmp_path: Path, file_format: str
) -> None:
    arguments = ("export", tiny_weights, "--format", file_format, "-o")
    assert "no such folder" in refusal(*arguments, tmp_path / "nowhere" / "net.c")
    assert "cannot write" in refusal(*arguments, tmp_path)
    assert "would replace what it is made from" in refusal(*arguments, tiny_weights)
