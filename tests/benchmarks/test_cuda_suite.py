"""The part of the suite that needs a GPU, without one: contenders agree, tables are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks import __main__ as suite
from benchmarks import cuda, cuda_subjects, cuda_tables, cuda_torch_subjects
from benchmarks.results import BEGIN, END, write_part, write_section
from bnas import binops
from bnas.binops.dispatch import Availability
from bnas.tools.bench import Comparison, Findings, NoGpuError, Record
from bnas.tools.bench.worker import draw_inputs

INSTRUCTIONS = {
    "gpu": "NVIDIA H200",
    "capability": "9.0",
    "multiprocessors": 132,
    "instructions": [
        {
            "name": name,
            "instructions_per_cycle": 0.5,
            "work_per_cycle": 16384.0,
            "unit": unit,
            "tera_per_s": tera,
            "ghz": 1.98,
        }
        for name, unit, tera in (("mma.and", "bit MAC", 4000.0), ("LDS.32", "byte", 33.0))
    ],
    "memory": {"bytes": 2**30, "read_gb_per_s": 4200.0, "copy_gb_per_s": 4000.0},
    "launches": {"launch_us": 4.0, "host_us": 9.0, "in_graph_us": 1.5, "graph_host_us": 6.0},
}


@pytest.fixture(autouse=True)
def keep_torch_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give cuDNN's settings back."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be no GPU, whatever this machine has."""
    found = {"cuda": Availability("no driver was found", "a GPU")}
    monkeypatch.setattr(binops, "backends", lambda: found)


@pytest.mark.parametrize("machine", ["simulator", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize(("channels", "side"), [((20, 40), 3), ((33, 32), 2)])
def test_packed_and_torch_convolutions_agree(
    monkeypatch: pytest.MonkeyPatch, machine: str, channels: tuple[int, int], side: int
) -> None:
    for module in (cuda_subjects, cuda_torch_subjects):
        monkeypatch.setattr(module, "rotating", lambda size: 2)
    inputs = [np.zeros((3, 1), np.float32)]
    sizes: dict[str, Any] = {"weight": [channels[1], channels[0], 3, 3], "side": side}
    capability, device = ([9, 0], "cpu") if machine == "simulator" else (None, "cuda")
    packed = cuda_subjects.packed_conv(inputs=inputs, threads=1, **sizes, capability=capability)
    plain = cuda_torch_subjects.conv(inputs=inputs, threads=1, **sizes, device=device)
    found = [subject.output(subject.call(None)) for subject in (packed, plain)]
    assert found[0].shape == (2, channels[1], side, side)
    assert set(np.unique(found[0])) == {-1, 1}
    np.testing.assert_array_equal(*found)
    assert packed.parts == plain.parts == 2


def test_the_suite_measures_what_is_asked_for() -> None:
    groups = cuda.kernel_jobs()
    assert set(groups) == set(cuda_tables.work_of_kernels())
    assert set(groups[cuda.PRODUCT]) == {"packed", *cuda_tables.PRODUCT_TARGETS}
    for jobs in groups.values():
        for job in jobs.values():
            module, _, name = job.factory.partition(":")
            home = {"cuda_subjects": cuda_subjects, "cuda_torch_subjects": cuda_torch_subjects}
            assert callable(getattr(home[module.removeprefix("benchmarks.")], name))
            assert json.loads(json.dumps(job.arguments)) == job.arguments
            assert job.device == "cuda"
            assert sum(array.nbytes for array in draw_inputs(job)) <= 4 * cuda.BATCH


def record(model: str, runtime: str, ms: float, batch: int = 256, peak_mb: float = 1.0) -> Record:
    return Record(model, runtime, "cuda", batch, 1, ms, ms, 1e3 * batch / ms, 0.5, peak_mb)


def made_up() -> dict[str, Any]:
    """A document of the part, as `measure` returns it."""
    name = cuda.CONVOLUTIONS[0].name
    records = [
        record(name, "packed", 0.1),
        record(name, "torch-bf16", 0.45),
        record(cuda.PRODUCT, "packed", 0.2, 1),
        record(cuda.PRODUCT, "torch-int8", 0.7, 1),
        record("pack float16", "packed", 0.06),
        record("pack float16", "copy", 0.10),
        record("BNAS-D.random", "packed", 4.0, peak_mb=100.0),
        record("BNAS-D.random", "torch-compile-bf16", 10.0, peak_mb=500.0),
        record("BNAS-A", "packed", 0.1, 1),
        record("BNAS-A", "packed", 9.0, 8),
    ]
    compared = [Comparison(r.model, r.runtime, r.batch, 1, 1.0, 1.0, 0.0, 1.0, "") for r in records]
    return {
        "gpu": "NVIDIA H200",
        "instructions": INSTRUCTIONS,
        **Findings(records, compared).to_dict(),
    }


def test_tables_are_made_of_what_was_measured() -> None:
    lines = cuda_tables.rows(made_up(), {})
    text = "\n".join(lines)
    assert "| 3x3 128-128 @28 | torch-bf16 | 0.100 | 0.450 | **4.50x** | 4x |" in lines
    assert "| product 8192 | torch-int8 | 0.200 | 0.700 | **3.50x** | 3x |" in lines
    assert "product 8192 | torch-bf16" not in text
    assert "| mma.and | 0.50 | 16,384 bit MAC | 4,000 T | 1.98 |" in lines
    # 256x64x56x56 float16: 102.76 MB read, 6.42 MB written, in 0.06 ms; a copy moves 205.52 MB.
    assert "| pack float16 | 1,820 | 2,055 | **89 %** | 80 % |" in lines
    lines = cuda_tables.network_rows(made_up(), {})
    text = "\n".join(lines)
    assert (
        "| BNAS-D.random | 256 | torch-compile-bf16 | 10.0 | 25,600 | 2.50x | 500 | 5.0x |" in lines
    )
    assert sum(line.startswith("| BNAS-A | 1 | packed") for line in lines) == 1
    assert "| BNAS-A | 8 |" not in text


def test_the_roofline_is_the_slower_of_instructions_and_memory() -> None:
    # 8192**3 MAC at 4000 T/s; 16.8 MB read and 268 MB written at 4000 GB/s.
    work = cuda_tables.work_of_kernels()
    assert cuda_tables.limits_ms(work[cuda.PRODUCT], INSTRUCTIONS) == pytest.approx(
        (0.13744, 0.07130), abs=1e-5
    )
    assert cuda_tables.limits_ms(work["pack float32"], INSTRUCTIONS)[0] == 0
    line = next(row for row in cuda_tables.rows(made_up(), {}) if "549.756" in row or "550" in row)
    assert line.endswith("| 0.200 | 69 % |")


def test_the_part_goes_into_the_report(tmp_path: Path) -> None:
    report, folder = tmp_path / "RESULTS.md", tmp_path / "results"
    folder.mkdir()
    report.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    write_section(report, folder)
    assert "on a GPU" not in report.read_text()
    for part in ("cuda", "cuda_networks"):
        write_part(folder, part, made_up(), "make bench-cuda")
    write_section(report, folder)
    told = report.read_text()
    assert "### Instructions and kernels on a GPU" in told
    assert "### Whole networks on a GPU" in told
    assert " · NVIDIA H200 · " in told
    assert told.count("    make bench-cuda\n") == 2


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_part_is_refused_in_one_line(tmp_path: Path) -> None:
    for measure in (cuda.measure, cuda.measure_networks):
        with pytest.raises(NoGpuError, match="no driver was found"):
            measure(1, lambda line: None)
    done = CliRunner().invoke(suite.main, ["--only", "cuda", "--results", str(tmp_path)])
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == (
        "Error: `device` cuda cannot be used here: no driver was found"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_whole_suite_leaves_it_out() -> None:
    told: list[str] = []
    parts = suite._parts_of_this_machine(told.append)
    assert "cuda" not in parts
    assert set(parts) == set(suite.PARTS) - {"cuda", "cuda_networks"}
    assert told == ["cuda is left out: `device` cuda cannot be used here: no driver was found"]
