"""`Record`: one measurement, with the keys that ``bnas-tools bench --json`` promises."""

from __future__ import annotations

from typing import Any

from attrs import asdict, frozen

from bnas.tools.bench.jobs import Job
from bnas.tools.bench.turns import Times


@frozen
class Record:
    """What was measured of one model on one runtime.

    Attributes:
        model: Its name; the tag ``random`` marks random weights.
        runtime: What ran it, such as ``packed`` or ``openvino-int8``.
        device: ``cpu`` or ``cuda``.
        batch: Images of a call.
        threads: Threads of the runtime.
        min_ms: The least disturbed call, milliseconds.
        median_ms: The typical call, milliseconds.
        images_per_s: Images a second at the least disturbed call.
        warmup_s: Seconds to read or compile the model and answer the first time, imports apart.
        peak_mb: Peak memory of the process above its imports and inputs, MB; on ``cuda``, memory of
            the GPU above the inputs.
    """

    model: str
    runtime: str
    device: str
    batch: int
    threads: int
    min_ms: float
    median_ms: float
    images_per_s: float
    warmup_s: float
    peak_mb: float

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON knows it; its keys are the attributes."""
        return asdict(self)


@frozen
class Comparison:
    """How a record stands to that of the packed network.

    Attributes:
        model: As in the record.
        runtime: As in the record.
        batch: As in the record.
        threads: As in the record.
        times_packed: How many times longer its least disturbed call takes; None where nothing
            packed ran.
        times_packed_by_rounds: The same as the median over the rounds of turns.
        max_abs_difference: Of its outputs from the packed network's; None if not comparable.
        largest_output: The largest magnitude among the packed network's outputs.
        note: What to know of the runtime, such as its memory layout.
    """

    model: str
    runtime: str
    batch: int
    threads: int
    times_packed: float | None
    times_packed_by_rounds: float | None
    max_abs_difference: float | None
    largest_output: float | None
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON knows it."""
        return asdict(self)


def make_record(
    model: str, runtime: str, job: Job, times: Times, warmup_s: float, peak_mb: float
) -> Record:
    """Return the record of one contender's times, rounded to what is meaningful."""
    batch = job.input_shape[0]
    return Record(
        model=model,
        runtime=runtime,
        device=job.device,
        batch=batch,
        threads=job.threads,
        min_ms=rounded(times.min_ms),
        median_ms=rounded(times.median_ms),
        images_per_s=rounded(1e3 * batch / times.min_ms),
        warmup_s=round(warmup_s, 3),
        peak_mb=round(peak_mb, 2),
    )


def rounded(value: float) -> float:
    """Return five significant digits."""
    return float(f"{value:.5g}")
