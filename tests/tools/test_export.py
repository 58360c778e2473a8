from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--format", "d"), 2, "Invalid value for '--format': 'd' is not 'c'"),
        ((), 2, "Missing option '--format'"),
        (("--format", "c", "--prefix", "2"), 1, "`--prefix` must be letters, digits and '_'"),
        (("--format", "c", "--input-size", "1"), 1, "`--input-size` must fit the network"),
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


def test_places_that_cannot_be_written(
    refusal: Callable[..., str], tiny_weights: Path, tmp_path: Path
) -> None:
    arguments = ("export", tiny_weights, "--format", "c", "-o")
    assert "no such folder" in refusal(*arguments, tmp_path / "nowhere" / "net.c")
    assert "cannot write" in refusal(*arguments, tmp_path)
    assert "would replace what it is made from" in refusal(*arguments, tiny_weights)
