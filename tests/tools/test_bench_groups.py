"""Contenders in processes of their own: what they answer, how they fail, what is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bnas.tools.bench import ContenderError, Job, measure_group
from bnas.tools.bench.contenders import Contender

SOURCE = '''
import os, sys
import numpy as np
from bnas.tools.bench.jobs import Subject

print("noise on stdout")

def double(*, inputs, threads, factor=2.0):
    """Numbers its inputs in their first element, and checks that they alternate."""
    for number, array in enumerate(inputs):
        array.flat[0] = number
    seen = []
    def call(array):
        print("more noise")
        if seen and array.flat[0] == seen[-1]:
            raise RuntimeError("the same input twice")
        seen[:] = [array.flat[0]]
        return array * factor
    return Subject(call, inputs, np.asarray, note=f"{threads} {os.environ['OMP_NUM_THREADS']}")

def broken(*, inputs, threads):
    raise ValueError("no such\\nlayer")

def dying(*, inputs, threads):
    sys.stderr.write("first\\nlast words\\n")
    sys.stderr.flush()
    os._exit(7)

def dying_later(*, inputs, threads):
    return Subject(lambda array: call_or_die(), inputs, lambda _: np.zeros(1))

calls = 0
def call_or_die():
    global calls
    calls += 1
    if calls > 20:
        os._exit(9)
'''


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """Make `job(name)`: a job whose factory is a function of the module above."""
    (tmp_path / "fake_contender.py").write_text(SOURCE)

    def make(name: str, **arguments: object) -> Job:
        return Job(
            factory=f"fake_contender:{name}",
            arguments=arguments,
            input_shape=(2, 3),
            threads=1,
            folders=(str(tmp_path),),
        )

    return make


def test_a_contender_tells_its_output_and_times(job: Callable[..., Job]) -> None:
    contender = Contender("double", job("double", factor=3.0))
    try:
        assert contender.note == "1 1"
        assert contender.output.shape == (2, 3)
        assert contender.output[0, 0] == 0
        assert len(contender.turn(5)) == 5
        assert all(time_ms >= 0 for time_ms in contender.turn(2))
        assert contender.peak_mb >= 0
    finally:
        contender.close()


def test_inputs_are_the_same_in_every_process(job: Callable[..., Job]) -> None:
    jobs = [("packed", job("double")), ("other", job("double", factor=2.5))]
    findings = measure_group("net", jobs, 2)
    packed, other = findings.comparisons
    assert (packed.times_packed, packed.max_abs_difference) == (1.0, 0.0)
    assert other.times_packed > 0
    expected = np.random.default_rng(0).standard_normal((2, 3), np.float32)
    expected.flat[0] = 0
    assert other.max_abs_difference == pytest.approx(0.5 * np.abs(expected).max(), rel=1e-3)


def test_a_record_has_the_promised_keys(job: Callable[..., Job]) -> None:
    findings = measure_group("net", [("packed", job("double"))], 2)
    (record,) = findings.to_dict()["records"]
    assert list(record) == [
        "model",
        "runtime",
        "device",
        "batch",
        "threads",
        "min_ms",
        "median_ms",
        "images_per_s",
        "warmup_s",
        "peak_mb",
    ]
    assert record["images_per_s"] == pytest.approx(2000 / record["min_ms"], rel=1e-3)
    assert (record["model"], record["runtime"], record["device"]) == ("net", "packed", "cpu")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("broken", "bad: ValueError: no such layer"),
        ("dying", "bad: its process ended (exit status 7: last words)"),
        ("absent", "bad: AttributeError: module 'fake_contender' has no attribute 'absent'"),
    ],
)
def test_why_a_contender_cannot_be_made_is_one_line(
    name: str, told: str, job: Callable[..., Job]
) -> None:
    with pytest.raises(ContenderError) as caught:
        Contender("bad", job(name))
    assert str(caught.value) == told


def test_a_silent_contender_is_given_up(job: Callable[..., Job]) -> None:
    with pytest.raises(ContenderError, match="slow: no answer within 0 s"):
        Contender("slow", job("double"), patience_s=0.001)


def test_what_fails_is_skipped_and_the_rest_measured(job: Callable[..., Job]) -> None:
    jobs = [("packed", job("double")), ("bad", job("broken")), ("late", job("dying_later"))]
    findings = measure_group("net", jobs, 3)
    assert [record.runtime for record in findings.records] == ["packed"]
    assert {each.runtime for each in findings.skipped} == {"bad", "late"}
