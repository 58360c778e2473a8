"""Whole networks: the packed ones against every runtime, threads, and memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from bnas import cells, zoo
from bnas.binops.threads import processors
from bnas.tools.bench import (
    RUNTIMES,
    Findings,
    Plan,
    Skipped,
    bench_network,
    measure_group,
    read_runtimes,
)
from bnas.tools.bench.model_files import ModelFiles
from bnas.tools.bench.random_weights import TAG, random_network

Tell = Callable[[str], None]


@frozen
class Entry:
    """A network of the suite.

    Attributes:
        name: Of its specification.
        runtimes: On which it is timed.
    """

    name: str
    runtimes: tuple[str, ...]


_ALL = tuple(RUNTIMES)
_BINARY = ("packed", "openvino-binary", "openvino", "openvino-int8")
_REAL = ("torch-compile", "onnxruntime", "onnxruntime-int8", "openvino", "openvino-int8")
ENTRIES = (
    Entry("BNAS-Mini", _ALL),
    Entry("BNAS-A", _ALL),
    Entry("BNAS-D", _ALL),
    Entry("Bi-Real-18", _BINARY),
    Entry("ResNet-18", _REAL),
)
#: What scales with threads, and at which batch.
SCALED, SCALED_BATCH = ("BNAS-Mini", "BNAS-A", "BNAS-D"), 8


def load(name: str) -> tuple[zoo.PackedNetwork, str, int] | None:
    """Return a network, its name for records and the side of its images; None if there is none.

    Weights are the zoo's if it has any, else random ones; then the name says so.
    """
    try:
        spec = cells.spec(name)
    except cells.UnknownNameError:
        return None
    try:
        network = zoo.load(name)
        return network, name, network.preprocessing.size
    except (zoo.UnknownModelError, zoo.UntrainedModelError, zoo.WeightsNotFoundError):
        return random_network(spec), f"{name}.{TAG}", spec.input_size


def single_images(rounds: int, tell: Tell) -> Findings:
    """Time every network of the suite, one image at a time, on one thread."""
    found = Findings()
    for entry in ENTRIES:
        loaded = load(entry.name)
        if loaded is None:
            found += Findings(skipped=[Skipped(entry.name, "no such specification here")])
            continue
        network, name, side = loaded
        if "packed" in entry.runtimes:
            _fill_cache(network, name, side, tell)
        plan = Plan(read_runtimes(entry.runtimes), rounds=rounds)
        found += bench_network(network, name, side, plan, tell)
    return found


def threads(rounds: int, tell: Tell) -> Findings:
    """Time packed networks on one thread, on two and on all, in turns."""
    found = Findings()
    for name in SCALED:
        loaded = load(name)
        assert loaded is not None
        network, label, side = loaded
        with tempfile.TemporaryDirectory(prefix="bnas-bench-") as folder:
            files = ModelFiles(network, (SCALED_BATCH, 3, side, side), Path(folder))
            counts = sorted({1, min(2, processors()), processors()})
            jobs = [("packed", RUNTIMES["packed"].job(files, count)) for count in counts]
            found += measure_group(label, jobs, rounds, tell)
    return found


def memory(rounds: int, tell: Tell) -> Findings:
    """Measure the peak memory of a packed BNAS-A."""
    del rounds
    loaded = load("BNAS-A")
    assert loaded is not None
    network, name, side = loaded
    _fill_cache(network, name, side, tell)
    return _packed_alone(network, name, side, tell)


def _fill_cache(network: zoo.PackedNetwork, name: str, side: int, tell: Tell) -> None:
    """Have the kernels compiled and kept on disk, as they are wherever the network ran before."""
    _packed_alone(network, name, side, tell)


def _packed_alone(network: zoo.PackedNetwork, name: str, side: int, tell: Tell) -> Findings:
    return bench_network(network, name, side, Plan(read_runtimes(["packed"]), rounds=1), tell)
