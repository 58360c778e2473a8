"""A GPU: what its instructions allow, packed kernels and whole packed networks beside torch's.

``python -m benchmarks --only cuda,cuda_networks`` measures it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks import cuda_instructions
from benchmarks.networks import load
from benchmarks.shapes import Shape
from bnas.tools.bench import ON_DEVICE, Findings, Job, Plan, bench_network, measure_group
from bnas.tools.bench.device_time import gpu_facts, require_gpu
from bnas.tools.bench.random_weights import TAG

Tell = Callable[[str], None]
_ROOT = str(Path(__file__).parents[1])

BATCH = 256
CONVOLUTIONS = (Shape(3, 128, 128, 28), Shape(3, 256, 256, 14), Shape(3, 512, 512, 7))
PRODUCT, SIZE = "product 8192", 8192
#: What is packed: that of a first stage at 224x224.
PACKED_SHAPE = (BATCH, 64, 56, 56)
PACKED_TYPES = ("float16", "float32")


@frozen
class Entry:
    """A network that is timed.

    Attributes:
        name: Of its specification.
        batch: Images at once.
    """

    name: str
    batch: int


NETWORKS = (Entry("BNAS-D", BATCH), Entry("Bi-Real-18", BATCH), Entry("BNAS-A", 1))


def packing_name(dtype: str) -> str:
    """Return what packing a type is called in records."""
    return f"pack {dtype}"


def measure(rounds: int, tell: Tell) -> dict[str, Any]:
    """Measure instructions and kernels, as JSON knows it.

    Raises:
        NoGpuError: There is no GPU; it says why.
    """
    require_gpu()
    instructions = cuda_instructions.measure(tell)
    found = Findings()
    for name, jobs in kernel_jobs().items():
        found += measure_group(name, jobs.items(), rounds, tell)
    return {**gpu_facts(), "instructions": instructions, **found.to_dict()}


def measure_networks(rounds: int, tell: Tell) -> dict[str, Any]:
    """Measure whole networks, as JSON knows it; torch.compile takes minutes for each.

    Raises:
        NoGpuError: There is no GPU; it says why.
    """
    require_gpu()
    found = Findings()
    for entry in NETWORKS:
        found += _network(entry, rounds, tell)
    return {**gpu_facts(), **found.to_dict()}


def kernel_jobs() -> dict[str, dict[str, Job]]:
    """Return the contenders of every kernel."""
    groups: dict[str, dict[str, Job]] = {}
    for shape in CONVOLUTIONS:
        conv = {"weight": list(shape.weight_shape), "side": shape.side}
        groups[shape.name] = {
            "packed": _job("packed_conv", conv, BATCH),
            "torch-bf16": _torch_job("conv", conv, BATCH),
        }
    groups[PRODUCT] = {
        "packed": _job("packed_product", {"size": SIZE}, 1),
        "torch-bf16": _torch_job("product", {"size": SIZE, "kind": "bfloat16"}, 1),
        "torch-int8": _torch_job("product", {"size": SIZE, "kind": "int8"}, 1),
    }
    for dtype in PACKED_TYPES:
        floats = {"dtype": dtype, "shape": list(PACKED_SHAPE)}
        groups[packing_name(dtype)] = {
            "packed": _job("packing", floats, BATCH),
            "copy": _torch_job("copying", floats, BATCH),
        }
    return groups


def _job(name: str, arguments: dict[str, Any], batch: int, module: str = "cuda_subjects") -> Job:
    return Job(
        factory=f"benchmarks.{module}:{name}",
        arguments=arguments,
        input_shape=(batch, 1),  # of itself the batch alone; the factory makes what it reads
        inputs=1,
        device="cuda",
        modules=(f"benchmarks.{module}",),
        folders=(_ROOT,),
    )


def _torch_job(name: str, arguments: dict[str, Any], batch: int) -> Job:
    return _job(name, arguments, batch, "cuda_torch_subjects")


def _network(entry: Entry, rounds: int, tell: Tell) -> Findings:
    loaded = load(entry.name)
    assert loaded is not None
    network, name, side = loaded
    plan = Plan(tuple(ON_DEVICE["cuda"].values()), (entry.batch,), rounds=rounds)
    return bench_network(network, name, side, plan, tell)


def is_of(record: dict[str, Any], entry: Entry) -> bool:
    """Whether a record is of a network of the suite, with weights of the zoo or random ones."""
    names = (entry.name, f"{entry.name}.{TAG}")
    return record["model"] in names and record["batch"] == entry.batch
