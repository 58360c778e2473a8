"""The micro-benchmark of a GPU's instructions, in the simulator: its arithmetic, not its times."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numba import cuda

from benchmarks import cuda_instructions
from benchmarks.cuda_instructions import Scale, measure, per_cycle, tables
from bnas.binops.cuda import probes
from bnas.binops.cuda.launch import Launch
from bnas.tools.bench.device_time import NoGpuError, rotating

TINY = Scale(multiprocessors=1, blocks=1, threads=32, rounds=2, words=300, launches=2, repeats=1)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything take 2 ms: the simulator has no events."""

    def device_ms(call: Any) -> float:
        call()
        return 2.0

    monkeypatch.setattr(cuda_instructions, "device_ms", device_ms)
    gpu = type(cuda.get_current_device())
    monkeypatch.setattr(gpu, "compute_capability", (8, 0))


@pytest.mark.usefixtures("timed")
def test_everything_is_measured_once_and_put_into_tables() -> None:
    told: list[str] = []
    found = measure(told.append, TINY)
    assert json.loads(json.dumps(found)) == found
    names = [each["name"] for each in found["instructions"]]
    assert names == [each.name for each in probes.PROBES]
    assert len(told) == len(names) + 1
    assert all(each["instructions_per_cycle"] > 0 for each in found["instructions"])
    assert found["memory"]["bytes"] == 4 * 512
    assert found["memory"]["read_gb_per_s"] == pytest.approx(4 * 512 / 2.0 / 1e6)
    assert found["memory"]["copy_gb_per_s"] == pytest.approx(8 * 512 / 2.0 / 1e6)
    assert found["launches"]["in_graph_us"] == pytest.approx(1000.0)
    lines = tables(found)
    assert sum(line.startswith("| popc | ") for line in lines) == 1
    assert sum("CUDA graph" in line for line in lines) == 1


@pytest.mark.gpu
def test_a_gpu_is_measured() -> None:
    scale = Scale(
        cuda.get_current_device().MULTIPROCESSOR_COUNT,
        rounds=256, words=2**24, launches=20, repeats=1,
    )  # fmt: skip
    found = measure(lambda line: None, scale)
    for each in found["instructions"]:
        assert 0 < each["instructions_per_cycle"] < 8
        assert 0.1 < each["ghz"] < 5
    assert found["memory"]["read_gb_per_s"] > 10
    assert 0 < found["launches"]["in_graph_us"] < 1000


def test_rates_are_of_one_multiprocessor_and_cycle() -> None:
    scale = Scale(multiprocessors=132)
    # 2 blocks of 16 warps, 4096 rounds of 8 instructions in 2**20 cycles: one a cycle.
    assert per_cycle(8, scale, cycles=2.0**20) == 1.0
    assert scale.grid == 264
    assert scale.whole_words % (16 * 264 * 512) == 0
    assert scale.whole_words >= scale.words


@pytest.fixture(params=["simulator", pytest.param("gpu", marks=pytest.mark.gpu)])
def machine(request: pytest.FixtureRequest) -> str:
    """What probes run on; only one of them is asked for in a run of the tests."""
    name: str = request.param
    return name


def run(kernel: Any, rounds: int, words: np.ndarray) -> np.ndarray:
    """The words that 32 threads end with."""
    out = cuda.to_device(np.zeros(32, np.uint32))
    cycles = cuda.to_device(np.zeros(1, np.int64))
    Launch(kernel, 1, 32, (cuda.to_device(words), out, cycles, np.int32(rounds)))()
    assert cycles.copy_to_host()[0] > 0
    return out.copy_to_host()


WORDS = np.random.default_rng(0).integers(0, 2**32, 128, np.uint32)


@pytest.mark.usefixtures("machine")
def test_matrix_probes_do_what_they_say() -> None:
    a = WORDS.reshape(32, 4)
    rows = np.zeros((16, 8), np.uint32)
    columns = np.zeros((8, 8), np.uint32)
    for lane in range(32):
        group, place = divmod(lane, 4)
        rows[group, place], rows[group + 8, place] = a[lane, 0], a[lane, 1]
        rows[group, place + 4], rows[group + 8, place + 4] = a[lane, 2], a[lane, 3]
        columns[group, place] = a[lane, 0] ^ a[lane, 3]
        columns[group, place + 4] = a[lane, 1] ^ a[lane, 2]
    for kernel, operation in (
        (probes.mma_and_probe, np.bitwise_and),
        (probes.mma_xor_probe, np.bitwise_xor),
    ):
        found = run(kernel, 2, WORDS)
        counts = np.bitwise_count(operation(rows[:, None], columns[None])).sum(2).astype(np.int64)
        for lane in range(32):
            group, place = divmod(lane, 4)
            mine = [counts[group + 8 * (p // 2), 2 * place + p % 2] for p in range(4)]
            expected = 0
            for part in range(4 * probes.CHAINS):
                expected ^= part + 2 * int(mine[part % 4])
            assert found[lane] == expected


@pytest.mark.usefixtures("machine")
def test_popc_and_ballot_probes_hang_on_every_result() -> None:
    found = run(probes.popc_probe, 1, WORDS)
    votes = run(probes.ballot_probe, 1, WORDS)
    keys = (WORDS[:32] & 0x7FFFFFFF).astype(np.int64)
    expected_votes = 0
    for chain in range(probes.CHAINS):
        expected_votes ^= sum(int(chain >= key) << lane for lane, key in enumerate(keys))
    for lane in range(32):
        expected = 0
        for chain in range(probes.CHAINS):
            expected ^= (chain ^ int(WORDS[lane])).bit_count()
        assert found[lane] == expected
        assert votes[lane] == expected_votes


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("kernel", "wide"), [(probes.shared_probe, 1), (probes.wide_shared_probe, 4)]
)
def test_shared_probes_read_every_word_they_count(kernel: Any, wide: int) -> None:
    found = run(kernel, 3, WORDS)
    staged = np.resize(WORDS, 4096)
    for lane in range(32):
        expected = np.uint32(0)
        for turn in range(3):
            at = (lane * wide + turn * wide * 256) % 2048
            for chain in range(probes.CHAINS):
                for part in range(wide):
                    expected ^= staged[at + chain * 256 + part]
        assert found[lane] == expected


@pytest.mark.usefixtures("machine")
def test_the_global_probe_reads_every_word_once() -> None:
    words = np.random.default_rng(1).integers(0, 2**32, 1024, np.uint32)
    assert np.bitwise_xor.reduce(run(probes.global_probe, 1, words)) == np.bitwise_xor.reduce(words)


def test_without_a_gpu_one_line_and_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NoGpuError("`device` cuda cannot be used here: no driver was found")

    monkeypatch.setattr(cuda_instructions, "require_gpu", refuse)
    done = CliRunner().invoke(cuda_instructions.main, ["--json"])
    assert done.exit_code == 2
    assert done.stderr == "error: `device` cuda cannot be used here: no driver was found\n"
    assert done.stdout == ""


def test_rotating_inputs_exceed_the_cache() -> None:
    assert rotating(200 * 2**20) == 3
    assert rotating(10 * 2**20) == 10
    assert rotating(1) == 32
