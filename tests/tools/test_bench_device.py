"""`bnas-tools bench --device cuda`: what can be told of it without a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bnas import binops, cells, zoo
from bnas.binops.dispatch import Availability
from bnas.tools.bench import (
    ON_DEVICE,
    ArgumentError,
    Job,
    Plan,
    device_time,
    measure_group,
    read_runtimes,
)
from bnas.tools.bench.materialized import materialize
from bnas.tools.bench.model_files import ModelFiles
from bnas.tools.bench.random_weights import random_network
from bnas.tools.commands.bench import _CUDA_RUNTIMES

SOURCE = """
import numpy as np
from bnas.tools.bench.jobs import Subject

def timed(*, inputs, threads, seconds):
    return Subject(
        call=lambda array: array, inputs=inputs, output=np.asarray,
        seconds=lambda array: seconds, peak_mb=lambda: 42.0,
    )
"""


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Call it with why there is no GPU; with nothing if there is one."""

    def say(reason: str) -> None:
        monkeypatch.setattr(binops, "backends", lambda: {"cuda": Availability(reason, "a GPU")})

    return say


@pytest.fixture
def default_dtype() -> Iterator[None]:
    """Give torch its default type back."""
    yield
    torch.set_default_dtype(torch.float32)


def test_the_command_knows_every_runtime_of_a_gpu() -> None:
    assert tuple(ON_DEVICE["cuda"]) == _CUDA_RUNTIMES
    assert {runtime.device for runtime in ON_DEVICE["cuda"].values()} == {"cuda"}


def test_without_a_gpu_one_line_says_why(
    gpu: Callable[[str], None], refusal: Callable[..., str], tiny_weights: Path
) -> None:
    gpu("no driver was found")
    told = refusal("bench", tiny_weights, "--device", "cuda")
    assert told == "`--device` cuda cannot be used here: no driver was found"
    with pytest.raises(device_time.NoGpuError, match="no driver was found"):
        Plan(read_runtimes(["packed"], "cuda"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--batch", "1025"), "`--batch` must be numbers from 1 to 1024 (got [1025])"),
        (("--runtime", "openvino"), "on cuda must be among packed, torch-bf16"),
    ],
)
def test_wrong_calls_are_refused(
    gpu: Callable[[str], None],
    refusal: Callable[..., str],
    tiny_weights: Path,
    arguments: tuple[str, str],
    told: str,
) -> None:
    gpu("")
    assert told in refusal("bench", tiny_weights, "--device", "cuda", *arguments)


def test_a_plan_is_for_one_device(gpu: Callable[[str], None]) -> None:
    gpu("")
    with pytest.raises(ArgumentError, match=r"must be of one device \(got cpu, cuda\)"):
        Plan([*read_runtimes(["packed"]), *read_runtimes(["packed"], "cuda")])
    assert Plan(read_runtimes(["packed"], "cuda"), batches=(1024,)).batches == (1024,)


def test_jobs_of_a_gpu_alternate_between_more_than_its_cache(tmp_path: Path) -> None:
    network = random_network(tiny())
    files = ModelFiles(network, (1, 3, 16, 16), tmp_path)
    job = ON_DEVICE["cuda"]["torch-overhead-bf16"].job(files, 1)
    assert job.device == "cuda"
    assert job.inputs == 32
    assert job.arguments == {"weights": files.packed, "mode": "reduce-overhead"}
    big = ModelFiles(network, (256, 3, 224, 224), tmp_path)
    assert ON_DEVICE["cuda"]["packed"].job(big, 1).inputs == 3


def test_a_subject_s_own_clock_and_memory_are_recorded(tmp_path: Path) -> None:
    (tmp_path / "own_clock.py").write_text(SOURCE)

    def job(seconds: float) -> Job:
        return Job(
            factory="own_clock:timed",
            arguments={"seconds": seconds},
            input_shape=(8, 3),
            device="cuda",
            folders=(str(tmp_path),),
        )

    found = measure_group("net", [("packed", job(0.25)), ("torch-bf16", job(1.0))], 1)
    assert found.skipped == ()
    packed, other = found.records
    assert (packed.device, packed.min_ms, packed.images_per_s) == ("cuda", 250.0, 32.0)
    assert (other.peak_mb, found.comparisons[1].times_packed) == (42.0, 4.0)


def test_the_packed_contender_times_by_events(monkeypatch: pytest.MonkeyPatch) -> None:
    from bnas.tools.bench import packed_cuda_network as module

    class Network:
        def to(self, device: str) -> Network:
            assert device == "cuda"
            return self

        def __call__(self, images: Any) -> Any:
            return images

    free = iter([7_000_000, 4_000_000])
    events = []
    monkeypatch.setattr(zoo, "load_file", lambda path: Network())
    monkeypatch.setattr(module.UsedMemory, "_free_bytes", staticmethod(lambda: next(free)))
    monkeypatch.setattr(module, "device_ms", lambda call: events.append(call()) or 3.0)
    inputs: list[Any] = [np.arange(6, dtype=np.float32).reshape(1, 3, 2, 1)]
    given = inputs[0]
    subject = module.make(inputs=inputs, threads=1, weights="a file")
    assert subject.seconds is not None
    assert subject.peak_mb is not None
    assert inputs[0] is not given
    assert subject.seconds(inputs[0]) == 0.003
    assert len(events) == 1
    assert subject.peak_mb() == 3.0
    np.testing.assert_array_equal(subject.output(subject.call(inputs[0])), given)


def tiny() -> cells.NetworkSpec:
    return cells.NetworkSpec(
        genotype=cells.genotypes["bnas-cifar10"], num_cells=3, channels=8, activation="rprelu"
    )


@pytest.mark.usefixtures("default_dtype")
def test_the_twin_runs_in_bfloat16() -> None:
    from bnas.tools.bench.torch_cuda_network import bfloat16

    images = np.random.default_rng(5).standard_normal((8, 3, 16, 16), np.float32)
    network = random_network(tiny())
    module = bfloat16(materialize(network, images.shape))
    with torch.inference_mode():
        given = torch.from_numpy(images).to(torch.bfloat16, memory_format=torch.channels_last)
        logits = module(given)
    assert logits.dtype == torch.bfloat16
    expected, found = network(images).ravel(), logits.float().numpy().ravel()
    # Signs close to 0 fall to the other side: alike, not equal.
    assert np.corrcoef(expected, found)[0, 1] > 0.8
    assert not np.array_equal(expected, found)
