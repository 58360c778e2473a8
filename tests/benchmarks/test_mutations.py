"""Damaged and hostile weights files: what is counted, and that nothing bad is."""

from __future__ import annotations

import functools
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import mutations
from benchmarks.mutations import AS_SEALED, GOOD, INTACT, KINDS, REFUSED, faults, judge, run, table
from benchmarks.mutators import DAMAGES, pickled_code, sealed
from bnas import zoo
from bnas.zoo.index import PACKAGE_DATA, find_entry

SEED = 1


@pytest.fixture(scope="module")
def whole() -> bytes:
    return (PACKAGE_DATA / str(find_entry("BNAS-Mini").file)).read_bytes()


def test_a_file_of_every_kind_meets_with_nothing_bad() -> None:
    outcomes = run(functools.partial(judge, SEED), 4 * len(KINDS))
    assert {outcome for _, outcome in outcomes} <= set(GOOD)
    assert sum(outcomes.values()) == 4 * len(KINDS)
    assert {kind for kind, _ in outcomes} == set(KINDS)


@pytest.mark.slow
def test_ten_thousand_files_meet_with_nothing_bad() -> None:
    outcomes = run(functools.partial(judge, 0), 10_000)
    assert faults(outcomes) == 0, table(outcomes)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damage_changes_the_file_and_can_be_had_again(kind: str, whole: bytes) -> None:
    made = {DAMAGES[kind](random.Random(seed), whole) for seed in (1, 2, 3, 1)}
    assert 1 < len(made) <= 3
    assert made - {whole}


def test_a_sealed_file_passes_the_checksum(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sealed.safetensors"
    for seed in range(20):
        path.write_bytes(sealed(random.Random(seed), whole))
        try:
            zoo.load_file(path)
        except zoo.WeightsFileError as error:
            assert "content is damaged" not in str(error)


def test_making_a_pickle_runs_no_code(whole: bytes, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for seed in range(20):
        assert b"mkdir" in pickled_code(random.Random(seed), whole, marker)
    assert not marker.exists()


def test_a_crash_is_counted_and_the_rest_goes_on() -> None:
    outcomes = run(os._exit, 2)  # type: ignore[arg-type]
    assert outcomes == Counter({("", "crashed (file 0)"): 1, ("", "crashed (file 1)"): 1})
    assert faults(outcomes) == 2


def test_a_hang_is_counted() -> None:
    outcomes = run(time.sleep, 2, timeout_s=0.2)  # type: ignore[arg-type]
    assert outcomes["", "hung (file 1)"] == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (KeyError("spec"), "KeyError: 'spec'"),
        (MemoryError(), "MemoryError: "),
        (zoo.WeightsFileError("two\nlines"), r"told as 'two\nlines'"),
        (zoo.WeightsFileError("one line"), REFUSED),
    ],
)
def test_what_is_raised_is_judged(
    error: Exception, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutations, "_limit_memory", lambda: None)

    def fail(path: Path) -> None:
        raise error

    mutations._originals()
    monkeypatch.setattr(zoo, "load_file", fail)
    assert judge(SEED, 0) == (KINDS[0], outcome)


def test_other_content_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutations, "_limit_memory", lambda: None)
    (_, mini), (_, small) = mutations._originals()
    for network in (mini, small):
        monkeypatch.setattr(zoo, "load_file", lambda path, network=network: network)
        outcomes = Counter(judge(SEED, number * len(KINDS)) for number in range(8))
        assert {outcome for _, outcome in outcomes} == {INTACT, "loaded, content changed"}
        assert faults(outcomes) == outcomes[KINDS[0], "loaded, content changed"]


def test_the_table_has_every_kind_and_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = Counter({(KINDS[0], REFUSED): 1500, (KINDS[1], AS_SEALED): 2, ("", "hung"): 1})
    lines = table(outcomes).splitlines()
    assert len(lines) == 2 + len(KINDS) + 2
    assert lines[2] == f"| {KINDS[0]} | 1,500 | 1,500 | 0 | 0 | 0 |"
    assert lines[-1] == "| all | 1,503 | 1,500 | 0 | 2 | 1 |"
    monkeypatch.setattr(mutations, "run", lambda *_: outcomes)
    result = CliRunner().invoke(mutations.main, ["--files", "5"])
    assert (result.exit_code, "1 faults" in result.output) == (1, True)
