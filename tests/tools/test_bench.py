"""`bnas-tools bench`: the records, what is missing, and wrong calls. No time is judged here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from PIL import Image

from bnas.binops.threads import processors
from bnas.tools.bench import RUNTIMES, Plan, Runtime
from bnas.tools.commands.bench import _RUNTIMES

KEYS = {
    "model", "runtime", "device", "batch", "threads", "min_ms", "median_ms", "images_per_s",
    "warmup_s", "peak_mb",
}  # fmt: skip


@pytest.fixture
def without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behave as if nothing but torch were installed."""

    def missing(self: Runtime) -> tuple[str, ...]:
        return tuple(name for name in self.needs if name != "torch")

    monkeypatch.setattr(Runtime, "missing", missing)


def test_the_command_knows_every_runtime() -> None:
    assert tuple(RUNTIMES) == _RUNTIMES


def test_packed_and_torch_make_records_a_file_and_a_chart(
    document: Callable[..., Any], tiny_weights: Path, tmp_path: Path
) -> None:
    out, chart = tmp_path / "bench.json", tmp_path / "bench.png"
    told = document(
        "bench", tiny_weights, "--batch", "1,2", "--rounds", 1, "--out", out, "--chart", chart
    )
    assert json.loads(out.read_text()) == told
    assert {"date", "command", "machine", "versions", "comparisons", "skipped"} < set(told)
    assert told["command"].startswith("bnas-tools bench Tiny.random --batch 1,2 --threads 1")
    assert [set(record) for record in told["records"]] == [KEYS] * 4
    found = [(r["runtime"], r["batch"], r["threads"]) for r in told["records"]]
    assert found == [("packed", 1, 1), ("torch", 1, 1), ("packed", 2, 1), ("torch", 2, 1)]
    assert all(0 < r["min_ms"] <= r["median_ms"] for r in told["records"])
    for comparison in told["comparisons"]:
        assert comparison["max_abs_difference"] < 1e-3 * comparison["largest_output"]
    with Image.open(chart) as picture:
        picture.load()
        assert picture.format == "PNG"


@pytest.mark.usefixtures("without_peers")
def test_runtimes_that_are_not_installed_are_one_line_each(
    call: Callable[..., Result], tiny_weights: Path
) -> None:
    arguments = ("--runtime", "packed,onnxruntime,openvino-int8", "--rounds", 1)
    result = call("bench", tiny_weights, *arguments)
    assert result.stderr.splitlines() == [
        "left out: onnxruntime: onnx, onnxruntime not installed: pip install 'bnas-tools[bench]'",
        "left out: openvino-int8: onnx, openvino, nncf not installed: "
        "pip install 'bnas-tools[bench]'",
    ]
    assert "packed" in result.stdout
    assert "x_packed: times the packed" in result.stdout


@pytest.mark.usefixtures("without_peers")
def test_nothing_to_measure_is_an_error(refusal: Callable[..., str], tiny_weights: Path) -> None:
    told = refusal("bench", tiny_weights, "--runtime", "openvino")
    assert told.startswith("nothing could be measured\n  - openvino: onnx, openvino not installed")


def test_random_weights_are_asked_for_and_named(
    document: Callable[..., Any], refusal: Callable[..., str], tmp_path: Path, tiny_weights: Path
) -> None:
    assert "--random-weights times it all the same" in refusal("bench", "BNAS-H")
    spec = tmp_path / "spec.json"
    spec.write_text(_tiny_spec())
    told = document("bench", spec, "--random-weights", "--runtime", "packed", "--rounds", 1)
    assert told["records"][0]["model"] == "custom.random"
    assert "--random-weights" in told["command"]
    assert "name of a model" in refusal("bench", "--random-weights", code=2)


def _tiny_spec() -> str:
    from bnas import cells

    return cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"], num_cells=3, channels=4
    ).to_json()


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (("--batch", "0"), "whole numbers >= 1", 2),
        (("--batch", "65"), "`--batch` must be numbers from 1 to 64 (got [65])", 1),
        (
            ("--threads", "9999"),
            f"`--threads` must be numbers from 1 to {processors()} (got [9999])",
            1,
        ),
        (("--runtime", "tensorflow"), "must be among packed, torch", 2),
        (("--rounds", "0"), "--rounds", 2),
        (("--chart", "a.gif"), "`--chart` must end in .png, .svg or .pdf (got 'a.gif')", 1),
        (("--out", "nowhere/a.json"), "no such folder: 'nowhere'", 1),
    ],
)
def test_wrong_calls_are_refused_before_anything_is_timed(
    refusal: Callable[..., str],
    tiny_weights: Path,
    arguments: tuple[str, str],
    told: str,
    code: int,
) -> None:
    assert told in refusal("bench", tiny_weights, *arguments, code=code)


def test_a_plan_needs_a_runtime() -> None:
    with pytest.raises(ValueError, match=r"a runtime and at least 1 round \(got 0 runtimes"):
        Plan([])
