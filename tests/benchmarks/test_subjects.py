"""The contenders of a shape compute one function, and agree on it exactly. Nothing is timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import chain_subjects, conv_subjects
from benchmarks.kernels import chain_jobs, single_jobs
from benchmarks.shapes import Shape
from bnas.tools.bench import Job, Subject
from bnas.tools.bench.worker import draw_inputs

SHAPE = Shape(3, 12, 10, 6)
FACTORIES: dict[str, Callable[..., Subject]] = {
    "packed": conv_subjects.packed,
    "packing": conv_subjects.packing,
    "float32": conv_subjects.float32,
}


@pytest.fixture(autouse=True)
def keep_torch_threads() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def outputs(subject: Subject) -> list[np.ndarray]:
    return [np.array(subject.output(subject.call(given))) for given in subject.inputs]


def made(factory: Callable[..., Subject], job: Job) -> list[np.ndarray]:
    return outputs(factory(inputs=draw_inputs(job), threads=1, **job.arguments))


def test_packed_and_float_convolutions_agree() -> None:
    jobs = single_jobs(SHAPE, 2)
    packed, plain = (
        made(FACTORIES[jobs[name].factory.partition(":")[2]], jobs[name])
        for name in ("packed", "torch")
    )
    assert len(packed) == 3
    assert all(np.array_equal(*pair) for pair in zip(packed, plain, strict=True))
    assert not np.array_equal(packed[0], packed[1])
    assert set(np.unique(packed[0])) == {-1, 1}


def test_packing_alone_keeps_the_signs() -> None:
    job = single_jobs(SHAPE, 2)["packing"]
    expected = [np.where(array >= 0, 1, -1) for array in draw_inputs(job)]
    found = made(FACTORIES["packing"], job)
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_a_chain_is_its_layers_one_after_the_other() -> None:
    shape = Shape(3, 9, 9, 5)
    job = chain_jobs(shape, 3)["packed"]
    subject = chain_subjects.packed(inputs=draw_inputs(job), threads=1, layers=3)
    assert subject.parts == 3
    for array, counts in zip(draw_inputs(job), outputs(subject), strict=True):
        value = torch.from_numpy(np.where(array >= 0, 1.0, -1.0))
        for layer in range(3):
            weights = torch.from_numpy(chain_subjects.weights(9, layer)).double()
            value = torch.nn.functional.conv2d(value, weights, padding=1)
            if layer < 2:
                cuts = torch.from_numpy(chain_subjects.thresholds(9, layer))[:, None, None]
                value = torch.where(value >= cuts, 1.0, -1.0).double()
        assert np.array_equal(counts, value.numpy())
