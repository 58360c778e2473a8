"""`measure_group`: jobs that compete, each in its own process, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


# One a type: mypy does not see through `tuple` as a converter.
def _as_records(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(records)


def _as_comparisons(comparisons: Iterable[Comparison]) -> tuple[Comparison, ...]:
    return tuple(comparisons)


def _as_skipped(skipped: Iterable[Skipped]) -> tuple[Skipped, ...]:
    return tuple(skipped)


@frozen
class Findings:
    """What was measured.

    Attributes:
        records: One for each model, runtime, batch and number of threads.
        comparisons: One for each record, in the same order.
        skipped: What could not be measured.
    """

    records: tuple[Record, ...] = field(default=(), converter=_as_records)
    comparisons: tuple[Comparison, ...] = field(default=(), converter=_as_comparisons)
    skipped: tuple[Skipped, ...] = field(default=(), converter=_as_skipped)

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
    jobs: Iterable[tuple[str, Job]],
    rounds: int,
    tell: Callable[[str], None] = lambda line: None,
) -> Findings:
    """Start a process for every job, one after the other, and time them in turns.

    Args:
        model: For the records.
        jobs: The runtime and the job of each contender; a runtime may come twice, with another
            number of threads. The first ``packed`` one is what the others are compared with.
        rounds: Turns of each, at most.
        tell: Called with one line whenever something begins.

    Returns:
        Findings without what failed, which is skipped with its reason.
    """
    entries = {f"{runtime} ({_threads(job)})": (runtime, job) for runtime, job in jobs}
    contenders: list[Contender] = []
    skipped: list[Skipped] = []
    with closing_all(contenders):
        for name, (runtime, job) in entries.items():
            tell(f"{model}, batch {job.input_shape[0]}: starting {name}")
            try:
                contenders.append(Contender(name, job))
            except ContenderError as error:
                skipped.append(Skipped(runtime, str(error)))
        tell(f"{model}: taking turns")
        times, failures = take_turns(contenders, rounds) if contenders else ({}, {})
    skipped += [Skipped(entries[name][0], reason) for name, reason in failures.items()]
    alive = [each for each in contenders if each.name in times]
    reference = next((each for each in alive if entries[each.name][0] == REFERENCE), None)
    records, comparisons = [], []
    for contender in alive:
        runtime, job = entries[contender.name]
        record = make_record(
            model, runtime, job, times[contender.name], contender.warmup_s, contender.peak_mb
        )
        records.append(record)
        comparisons.append(_compare(record, contender, reference, times))
    return Findings(records, comparisons, skipped)


def _threads(job: Job) -> str:
    return "1 thread" if job.threads == 1 else f"{job.threads} threads"


def _compare(
    record: Record,
    contender: Contender,
    reference: Contender | None,
    times: Mapping[str, Times],
) -> Comparison:
    ratio = by_rounds = difference = largest = None
    if reference is not None:
        mine, its = times[contender.name], times[reference.name]
        ratio, by_rounds = rounded(mine.min_ms / its.min_ms), rounded(mine.ratio_to(its))
        expected, actual = reference.output, contender.output
        if expected.shape == actual.shape and expected.size:
            difference = rounded(float(np.abs(expected - actual).max()))
            largest = rounded(float(np.abs(expected).max()))
    return Comparison(
        model=record.model,
        runtime=record.runtime,
        batch=record.batch,
        threads=record.threads,
        times_packed=ratio,
        times_packed_by_rounds=by_rounds,
        max_abs_difference=difference,
        largest_output=largest,
        note=contender.note,
    )
