"""`measure_group`: jobs that compete, each in its own process, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from attrs import field, frozen

from bnas.tools.bench.contenders import Contender, closing_all
from bnas.tools.bench.errors import ContenderError
from bnas.tools.bench.jobs import Job
from bnas.tools.bench.records import Comparison, Record, make_record, rounded
from bnas.tools.bench.turns import Times, take_turns

#: The runtime that the others are compared with.
REFERENCE = "packed"


@frozen
class Skipped:
    """A runtime that was not measured.

    Attributes:
        runtime: Its name.
        reason: One line.
    """

    runtime: str
    reason: str


@frozen
class Findings:
    """What was measured.

    Attributes:
        records: One for each model, runtime, batch and number of threads.
        comparisons: One for each record, in the same order.
        skipped: What could not be measured.
    """

    records: tuple[Record, ...] = field(default=(), converter=tuple)
    comparisons: tuple[Comparison, ...] = field(default=(), converter=tuple)
    skipped: tuple[Skipped, ...] = field(default=(), converter=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Return the findings as JSON knows them."""
        return {
            "records": [each.to_dict() for each in self.records],
            "comparisons": [each.to_dict() for each in self.comparisons],
            "skipped": [{"runtime": each.runtime, "reason": each.reason} for each in self.skipped],
        }

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            self.records + other.records,
            self.comparisons + other.comparisons,
            self.skipped + other.skipped,
        )


def measure_group(
    model: str,
    jobs: Mapping[str, Job],
    rounds: int,
    *,
    batch: int,
    threads: int,
    tell: Callable[[str], None] = lambda line: None,
    reference: str = REFERENCE,
) -> Findings:
    """Start a process for every job, one after the other, and time them in turns.

    Args:
        model: For the records.
        jobs: By runtime.
        rounds: Turns of each, at most.
        batch: Images of a call, for the records.
        threads: Threads of a job, for the records.
        tell: Called with one line whenever something begins.
        reference: The runtime that the others are compared with.

    Returns:
        Findings without what failed, which is skipped with its reason.
    """
    contenders: list[Contender] = []
    skipped: dict[str, str] = {}
    with closing_all(contenders):
        for runtime, job in jobs.items():
            tell(f"{model}, batch {batch}, {threads} threads: starting {runtime}")
            try:
                contenders.append(Contender(runtime, job))
            except ContenderError as error:
                skipped[runtime] = str(error)
        tell(f"{model}, batch {batch}, {threads} threads: taking turns")
        times, failures = take_turns(contenders, rounds) if contenders else ({}, {})
        outputs = {each.name: each.output for each in contenders}
    skipped.update(failures)
    alive = [each for each in contenders if each.name in times]
    return Findings(
        [
            make_record(model, one.name, batch, threads, times[one.name], one.warmup_s, one.peak_mb)
            for one in alive
        ],
        [_compare(model, one, batch, threads, times, outputs, reference) for one in alive],
        [Skipped(runtime, reason) for runtime, reason in skipped.items()],
    )


def _compare(
    model: str,
    contender: Contender,
    batch: int,
    threads: int,
    times: Mapping[str, Times],
    outputs: Mapping[str, np.ndarray],
    reference: str,
) -> Comparison:
    ratio = by_rounds = difference = largest = None
    if reference in times:
        mine, its = times[contender.name], times[reference]
        ratio, by_rounds = rounded(mine.min_ms / its.min_ms), rounded(mine.ratio_to(its))
        expected, actual = outputs[reference], outputs[contender.name]
        if expected.shape == actual.shape and expected.size:
            difference = rounded(float(np.abs(expected - actual).max()))
            largest = rounded(float(np.abs(expected).max()))
    return Comparison(
        model=model,
        runtime=contender.name,
        batch=batch,
        threads=threads,
        times_packed=ratio,
        times_packed_by_rounds=by_rounds,
        max_abs_difference=difference,
        largest_output=largest,
        note=contender.note,
    )
