"""What the instructions of a GPU allow: a minute, before anything is built on them.

    python -m benchmarks.cuda_instructions
    python -m benchmarks.cuda_instructions --json

Every multiprocessor (SM) is filled with warps that repeat one instruction
(`bnas.binops.cuda.probes`); cycles are counted on the SM itself, times by events of the GPU.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import click
import numpy as np
from attrs import frozen

from benchmarks.markdown import markdown
from bnas.tools.bench.device_time import NoGpuError, device_ms, gpu_facts, host_us, require_gpu
from bnas.tools.bench_table import digits

Tell = Callable[[str], None]


@frozen
class Scale:
    """How much is run.

    Attributes:
        multiprocessors: SMs of the GPU.
        blocks: Blocks an SM, all of them there at once.
        threads: Threads of a block, a multiple of 32.
        rounds: Rounds of a probe.
        words: Of 32 bits, of the array that is read from memory: several times the L2 cache.
        launches: Empty kernels whose launches are timed.
        repeats: Runs of each; the median counts.
    """

    multiprocessors: int
    blocks: int = 2
    threads: int = 512
    rounds: int = 4096
    words: int = 2**28
    launches: int = 1000
    repeats: int = 5

    @property
    def grid(self) -> int:
        """All blocks."""
        return self.multiprocessors * self.blocks

    @property
    def whole_words(self) -> int:
        """`words`, up to a multiple of what `global_probe` takes at once."""
        at_once = 16 * self.grid * self.threads
        return -(-self.words // at_once) * at_once


def per_cycle(per_warp: int, scale: Scale, cycles: float) -> float:
    """Return how many instructions an SM issues a cycle.

    Args:
        per_warp: Instructions of a warp in a round.
        scale: What was run.
        cycles: What that took.
    """
    warps = scale.blocks * scale.threads // 32
    return per_warp * scale.rounds * warps / cycles


def measure(tell: Tell, scale: Scale | None = None) -> dict[str, Any]:
    """Return what the GPU issues, as JSON knows it.

    Args:
        tell: Told what is going on.
        scale: None fills the GPU that is there.

    Raises:
        NoGpuError: There is none.
    """
    if scale is None:
        require_gpu()
    from numba import cuda

    device = cuda.get_current_device()
    capability = tuple(device.compute_capability)
    scale = scale or Scale(device.MULTIPROCESSOR_COUNT)
    from bnas.binops.cuda.probes import PROBES

    rows = []
    for probe in PROBES:
        if capability >= min(probe.expects):
            tell(f"{probe.name} begins")
            rows.append(_issued(probe, scale))
    tell("memory and launches")
    return {
        **gpu_facts(),
        "multiprocessors": scale.multiprocessors,
        "instructions": rows,
        "memory": _memory(scale),
        "launches": _launches(scale),
    }


def _issued(probe: Any, scale: Scale) -> dict[str, Any]:
    """Run a probe; the slowest block counts."""
    from numba import cuda

    words = cuda.to_device(np.arange(128, dtype=np.uint32) * np.uint32(0x01234567 >> 7))
    out = cuda.device_array(scale.grid * scale.threads, np.uint32)
    cycles = cuda.to_device(np.ones(scale.grid, np.int64))
    kernel = probe.kernel[scale.grid, scale.threads]
    kernel(words, out, cycles, 1)  # compiles
    found, times_ms = [], []
    for _ in range(scale.repeats):
        times_ms.append(device_ms(lambda: kernel(words, out, cycles, scale.rounds)))
        found.append(int(cycles.copy_to_host().max()))
    taken, time_ms = statistics.median(found), statistics.median(times_ms)
    issued = per_cycle(probe.per_warp, scale, taken)
    return {
        "name": probe.name,
        "instructions_per_cycle": issued,
        "work_per_cycle": issued * probe.work,
        "unit": probe.unit,
        "tera_per_s": issued * probe.work * scale.multiprocessors * taken / time_ms / 1e9,
        "ghz": taken / time_ms / 1e6,
    }


def _memory(scale: Scale) -> dict[str, float]:
    """Bytes a second that are read by wide loads, and that a copy reads and writes together."""
    from numba import cuda

    from bnas.binops.cuda.probes import global_probe

    words = cuda.device_array(scale.whole_words, np.uint32)
    copy = cuda.device_array(scale.whole_words, np.uint32)
    out = cuda.device_array(scale.grid * scale.threads, np.uint32)
    cycles = cuda.device_array(scale.grid, np.int64)
    words[:] = 0
    kernel = global_probe[scale.grid, scale.threads]
    kernel(words, out, cycles, 1)
    copy.copy_to_device(words)
    reads = [device_ms(lambda: kernel(words, out, cycles, 1)) for _ in range(scale.repeats)]
    copies = [device_ms(lambda: copy.copy_to_device(words)) for _ in range(scale.repeats)]
    size = 4 * scale.whole_words
    return {
        "bytes": size,
        "read_gb_per_s": size / statistics.median(reads) / 1e6,
        "copy_gb_per_s": 2 * size / statistics.median(copies) / 1e6,
    }


def _launches(scale: Scale) -> dict[str, float]:
    """What an empty kernel costs, microseconds: queued one by one, and in a CUDA graph."""
    from numba import cuda

    from bnas.binops.cuda.graph import capture
    from bnas.binops.cuda.launch import Launch
    from bnas.binops.cuda.probes import empty_probe

    words = cuda.to_device(np.zeros(128, np.uint32))
    count = scale.launches

    launch = Launch(empty_probe, 1, 32, (words,))

    def queue(stream: Any) -> None:
        for _ in range(count):
            launch(stream)

    queue(0)
    graph = capture(queue)
    graph(0)
    apart = [device_ms(lambda: queue(0)) for _ in range(scale.repeats)]
    captured = [device_ms(lambda: graph(0)) for _ in range(scale.repeats)]
    return {
        "launch_us": 1e3 * statistics.median(apart) / count,
        "host_us": host_us([launch] * count),
        "in_graph_us": 1e3 * statistics.median(captured) / count,
        "graph_host_us": host_us([lambda: graph(0)] * scale.repeats),
    }


def tables(found: dict[str, Any]) -> list[str]:
    """Return the lines of the tables, in Markdown."""
    rows = [
        (
            each["name"],
            f"{each['instructions_per_cycle']:.2f}",
            f"{digits(each['work_per_cycle'])} {each['unit']}",
            f"{digits(each['tera_per_s'])} T",
            f"{each['ghz']:.2f}",
        )
        for each in found["instructions"]
    ]
    memory, launches = found["memory"], found["launches"]
    facts = [
        ("read from memory, GB/s", digits(memory["read_gb_per_s"])),
        ("copy, read and written, GB/s", digits(memory["copy_gb_per_s"])),
        ("empty kernel, µs each", digits(launches["launch_us"])),
        ("to queue one, µs of the host", digits(launches["host_us"])),
        ("empty kernel in a CUDA graph, µs each", digits(launches["in_graph_us"])),
        ("to queue the graph, µs of the host", digits(launches["graph_host_us"])),
    ]
    head = ("instruction", "a cycle and SM", "work a cycle and SM", "work a second", "GHz")
    where = (
        f"{found['gpu']}, capability {found['capability']}, {found['multiprocessors']} "
        "multiprocessors (SM)"
    )
    return [where, "", *markdown(head, rows), "", *markdown(("besides", ""), facts)]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON, not tables.")
def main(as_json: bool) -> None:
    """Measure what the instructions of this machine's GPU allow."""
    try:
        found = measure(lambda line: click.echo(line, err=True))
    except NoGpuError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(tables(found)))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.cuda_instructions")
