from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from bnas import cells

KEYS = (
    "model rule input_size params binary_params binary_macs real_macs flops memory_bytes "
    "memory_saving speed_up"
)


@pytest.mark.parametrize("rule", ["paper", "deployed"])
def test_json_has_exactly_the_keys_agreed_on(document: Callable[..., Any], rule: str) -> None:
    found = document("cost", "BNAS-A", "--rule", rule)
    assert list(found) == KEYS.split()
    assert found == cells.cost(cells.spec("BNAS-A"), rule=rule).to_dict()
    assert (found["rule"], found["binary_macs"]) == (rule, 672_841_728 + 23_887_872)


def test_rule_is_the_paper_s_by_default(document: Callable[..., Any]) -> None:
    assert document("cost", "BNAS-D") == document("cost", "bnas-d", "--rule", "paper")


def test_input_size_is_the_one_asked_for(document: Callable[..., Any]) -> None:
    small, large = (document("cost", "BNAS-A", "--input-size", size) for size in (32, 64))
    assert large["input_size"] == 64
    assert large["binary_macs"] == 4 * small["binary_macs"]


def test_a_specification_s_file_is_as_good_as_a_name(
    document: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "net.json"
    file.write_text(cells.spec("BNAS-B").to_json())
    assert document("cost", file) == document("cost", "BNAS-B")


def test_table_lists_every_layer_that_is_not_one_bit(call: Callable[..., Result]) -> None:
    output = call("cost", "BNAS-A").stdout
    report = cells.cost(cells.spec("BNAS-A"))
    assert len(report.real_layers) == 4
    for layer in report.real_layers:
        (line,) = (line for line in output.splitlines() if line.split()[:1] == [layer.name])
        assert f"{layer.macs:,}" in line
    assert f"{report.params:,}" in output
    assert f"{report.real_macs:,}" in output


def test_unknown_model_lists_the_nearest(refusal: Callable[..., str]) -> None:
    message = refusal("cost", "BNAS-mimi")
    assert message.startswith("unknown model 'BNAS-mimi'; did you mean 'BNAS-Mini'")


def test_missing_file_and_directory_are_named(refusal: Callable[..., str], tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    assert refusal("cost", missing) == f"no such file: {str(missing)!r}"
    assert refusal("cost", tmp_path) == f"{str(tmp_path)!r} is a directory, not a JSON file"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "must be JSON text"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "must be a JSON object"),
        (b'{"kind": "bnas"}', "`genotype`"),
        (b"[" * 100_000, "net.json"),
        (b" " * 10_000_001, "larger than"),
    ],
)
def test_what_is_no_specification_is_refused(
    refusal: Callable[..., str], tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "net.json"
    file.write_bytes(content)
    message = refusal("cost", file)
    assert told in message
    assert repr(str(file)) in message


def test_channels_of_zero_are_refused(refusal: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    text = cells.spec("BNAS-A").to_json()
    file.write_text(text.replace('"channels": 36', '"channels": 0'))
    assert (
        refusal("cost", file)
        == f"{str(file)!r}: `channels` must be an integer from 1 to 65536 (got 0)"
    )


@pytest.mark.parametrize("wrong", [("--rule", "mine"), ("--input-size", "0"), ("BNAS-B",)])
def test_wrong_call_is_a_usage_error(refusal: Callable[..., str], wrong: tuple[str, ...]) -> None:
    assert "bnas-tools cost --help" in refusal("cost", "BNAS-A", *wrong, code=2)


@pytest.mark.parametrize("name", ["Bi-Real-18", "ResNet-18", "BNAS-D.float"])
def test_baselines_and_twins_are_counted(document: Callable[..., Any], name: str) -> None:
    for rule in ("paper", "deployed"):
        found = document("cost", name, "--rule", rule)
        assert found == cells.cost(cells.spec(name), rule=rule).to_dict()
