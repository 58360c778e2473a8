"""`bench_network`: one network on several runtimes, batch sizes and numbers of threads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from bnas.binops.threads import processors
from bnas.tools.bench.device_time import require_gpu
from bnas.tools.bench.errors import ArgumentError, ContenderError
from bnas.tools.bench.groups import Findings, Skipped, measure_group
from bnas.tools.bench.jobs import Job
from bnas.tools.bench.model_files import ModelFiles
from bnas.tools.bench.runtimes import CUDA_REMEDY, REMEDY, Runtime

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork

#: The largest batch that is timed; on a CPU a larger one would take minutes a call.
LARGEST_BATCH, LARGEST_GPU_BATCH = 64, 1024


@frozen
class Plan:
    """What to measure.

    Attributes:
        runtimes: In the order of the results.
        batches: Images of a call, 1 to 64; on a GPU 1 to 1024.
        threads: Threads of each runtime, 1 to the machine's cores.
        rounds: Turns of each contender, at most.

    Raises:
        ArgumentError: A number outside its range, nothing to measure, or runtimes of two devices.
        NoGpuError: They are of a GPU, and there is none.
    """

    runtimes: Sequence[Runtime]
    batches: Sequence[int] = (1,)
    threads: Sequence[int] = (1,)
    rounds: int = 15

    def __attrs_post_init__(self) -> None:
        """Validate."""
        devices = sorted({runtime.device for runtime in self.runtimes})
        if len(devices) > 1:
            raise ArgumentError(f"`runtimes` must be of one device (got {', '.join(devices)})")
        is_gpu = devices == ["cuda"]
        largest_batch = LARGEST_GPU_BATCH if is_gpu else LARGEST_BATCH
        for name, largest in (("batches", largest_batch), ("threads", processors())):
            values = getattr(self, name)
            if not values or not all(1 <= value <= largest for value in values):
                raise ArgumentError(
                    f"`{name}` must be numbers from 1 to {largest} (got {list(values)})"
                )
        if self.rounds < 1 or not self.runtimes:
            raise ArgumentError(
                "a plan needs a runtime and at least 1 round "
                f"(got {len(self.runtimes)} runtimes, rounds={self.rounds})"
            )
        if is_gpu:
            require_gpu()


def bench_network(
    network: PackedNetwork,
    name: str,
    input_size: int,
    plan: Plan,
    tell: Callable[[str], None] = lambda line: None,
) -> Findings:
    """Time a network.

    Args:
        network: The packed network; every runtime gets the same pruned network and weights.
        name: For the records.
        input_size: Side of the images in pixels.
        plan: What to measure.
        tell: Called with one line whenever something begins.

    Returns:
        Records in the order of the plan; runtimes that are not installed are skipped, with how to
        get them.
    """
    found = Findings(skipped=_not_installed(plan.runtimes))
    with tempfile.TemporaryDirectory(prefix="bnas-bench-") as folder:
        runtimes = [runtime for runtime in plan.runtimes if not runtime.missing()]
        for batch in plan.batches:
            place = Path(folder, str(batch))
            place.mkdir(exist_ok=True)
            files = ModelFiles(network, (batch, 3, input_size, input_size), place)
            for threads in plan.threads:
                jobs, failed = _jobs(runtimes, files, threads, tell)
                found += Findings(skipped=failed)
                found += measure_group(name, jobs.items(), plan.rounds, tell)
    return found


def _not_installed(runtimes: Sequence[Runtime]) -> list[Skipped]:
    return [
        Skipped(runtime.name, f"{', '.join(missing)} not installed: {_remedy(runtime)}")
        for runtime in runtimes
        if (missing := runtime.missing())
    ]


def _remedy(runtime: Runtime) -> str:
    return CUDA_REMEDY if "numba_cuda" in runtime.missing() else REMEDY


def _jobs(
    runtimes: Sequence[Runtime],
    files: ModelFiles,
    threads: int,
    tell: Callable[[str], None],
) -> tuple[dict[str, Job], list[Skipped]]:
    """Return the jobs by runtime, and what a converter refused."""
    jobs: dict[str, Job] = {}
    failed = []
    for runtime in runtimes:
        tell(f"preparing {runtime.name}")
        try:
            jobs[runtime.name] = runtime.job(files, threads)
        except ContenderError as error:
            failed.append(Skipped(runtime.name, str(error)))
    return jobs, failed
