"""Honest timing of networks: every contender in a process of its own, timed in turns.

`bench_network` is what ``bnas-tools bench`` calls. `measure_group` times any jobs, such as single
kernels. Nothing here loads a runtime before it is asked for.
"""

from bnas.tools.bench.device_time import NoGpuError
from bnas.tools.bench.errors import ArgumentError, BenchError, ContenderError
from bnas.tools.bench.groups import Findings, Skipped, measure_group
from bnas.tools.bench.jobs import Job, Subject
from bnas.tools.bench.network_bench import LARGEST_BATCH, Plan, bench_network
from bnas.tools.bench.records import Comparison, Record
from bnas.tools.bench.runtimes import ON_DEVICE, RUNTIMES, Runtime, read_runtimes

__all__ = [
    "LARGEST_BATCH",
    "ON_DEVICE",
    "RUNTIMES",
    "ArgumentError",
    "BenchError",
    "Comparison",
    "ContenderError",
    "Findings",
    "Job",
    "NoGpuError",
    "Plan",
    "Record",
    "Runtime",
    "Skipped",
    "Subject",
    "bench_network",
    "measure_group",
    "read_runtimes",
]
