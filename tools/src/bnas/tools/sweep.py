"""Sweeps: one command several times, with other seeds and settings; here, in local processes."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bnas.tools.parameter_type import ParamType


class Seeds(ParamType[tuple[int, ...]]):
    """Converts ``0-3`` and ``0,4,7-9`` to a tuple of seeds."""

    name = "seeds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Return the seeds, >= 0, each once, as they were given."""
        if isinstance(value, tuple):
            return value
        seeds: list[int] = []
        for word in str(value).split(","):
            found = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", word)
            first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
            if not first <= last < first + 1000:
                self.fail(f"must be seeds such as 0-3 or 0,4,7 (got {value!r})", param, ctx)
            seeds += range(first, last + 1)
        return tuple(dict.fromkeys(seeds))


@dataclass(frozen=True)
class Case:
    """One run of a sweep.

    Attributes:
        name: Of its directory.
        changes: Fields of the recipe, such as ``seed=1``.
    """

    name: str
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How a run of a sweep ended.

    Attributes:
        case: The run.
        status: Exit code; of a process that was killed, minus the number of the signal.
        document: What it said as JSON; None if it failed.
        error: Its last line on stderr, if it failed.
    """

    case: Case
    status: int
    document: dict[str, Any] | None
    error: str


def cases_of(seeds: Sequence[int], changes: Iterable[str]) -> list[Case]:
    """Return a run for every seed and every combination of values such as ``entropy_weight=0,1``.

    Args:
        seeds: None for the recipe's own.
        changes: FIELD=VALUE or FIELD=VALUE,VALUE; a list in brackets is one value.
    """
    choices = [[f"seed={seed}" for seed in seeds]] if seeds else []
    choices += [_values(change) for change in changes]
    several = [index for index, values in enumerate(choices) if len(values) > 1]
    cases = []
    for combination in itertools.product(*choices):
        told = [combination[index] for index in several] or ["run"]
        name = re.sub(r"[^\w.+-]+", "_", "_".join(each.replace("=", "") for each in told))
        cases.append(Case(name, combination))
    return cases


def run_all(
    cases: Sequence[Case],
    command: Callable[[Case], Sequence[str]],
    workers: int,
    tell: Callable[[str], None],
) -> list[Outcome]:
    """Run every case in a process of its own, a few at once; one that dies stops no other.

    Args:
        cases: The runs.
        command: Arguments of `bnas-tools` for a case; with ``--json``.
        workers: How many run at once.
        tell: Called with a line whenever one has ended.
    """
    threads = str(max((os.cpu_count() or 1) // workers, 1))
    environment = {**os.environ, "OMP_NUM_THREADS": threads}

    def run(case: Case) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "bnas.tools.main", *command(case)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return Outcome(case, 0, json.loads(done.stdout), "")
        lines = done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"]
        return Outcome(case, done.returncode, None, _reason(done.returncode, lines))

    outcomes = {}
    with ThreadPoolExecutor(workers) as pool:
        for number, future in enumerate(as_completed([pool.submit(run, each) for each in cases])):
            outcome = future.result()
            outcomes[outcome.case] = outcome
            tell(outcome_line(number + 1, len(cases), outcome))
    return [outcomes[case] for case in cases]


def outcome_line(number: int, total: int, outcome: Outcome) -> str:
    """Return the line that says how one of so many runs ended."""
    state = "finished" if outcome.document is not None else f"failed: {outcome.error}"
    return f"{number}/{total} {outcome.case.name}: {state}"


def case_directory(out_dir: str, case: Case) -> str:
    """Return where a run of a sweep writes."""
    return str(Path(out_dir) / case.name)


def _reason(status: int, lines: Sequence[str]) -> str:
    """Return why a process failed: its error and the items below, or the signal."""
    if status < 0:
        return f"killed by signal {-status}"
    begins = [index for index, line in enumerate(lines) if line.startswith("Error: ")]
    told = lines[begins[-1] :] if begins else lines[-1:]
    return " ".join(" ".join(told).removeprefix("Error: ").split())


def _values(change: str) -> list[str]:
    name, equals, value = change.partition("=")
    if not equals:
        return [change]  # whoever reads it says what is wrong
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return [f"{name}={each.strip()}" for each in value.split(",")]
    return [change]
