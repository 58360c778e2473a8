"""Single convolutions: packed against torch, and in chains against OpenVINO."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.shapes import CHAINED, LAYERS, SHAPES, Shape
from bnas.tools.bench import RUNTIMES, Findings, Job, Skipped, measure_group

BATCHES = (1, 32)

Tell = Callable[[str], None]
_ROOT = str(Path(__file__).parents[1])


def single(rounds: int, tell: Tell) -> Findings:
    """Time every shape, bits in and out, packing apart, beside torch in float32."""
    found = Findings()
    for shape in SHAPES:
        for batch in BATCHES:
            jobs = single_jobs(shape, batch)
            found += measure_group(shape.name, jobs.items(), rounds, tell)
    return found


def single_jobs(shape: Shape, batch: int) -> dict[str, Job]:
    """Return the contenders of one shape."""
    conv = {"weight": list(shape.weight_shape), "padding": shape.padding}

    def job(name: str, arguments: dict[str, object], *modules: str) -> Job:
        return Job(
            factory=f"benchmarks.conv_subjects:{name}",
            arguments=arguments,
            input_shape=shape.input_shape(batch),
            modules=(*modules, "benchmarks.conv_subjects"),
            folders=(_ROOT,),
        )

    return {
        "packed": job("packed", conv, "numba"),
        "packing": job("packing", {}, "numba"),
        "torch": job("float32", conv, "torch"),
    }


def chains(rounds: int, tell: Tell) -> Findings:
    """Time chains of equal layers, beside OpenVINO's BinaryConvolution."""
    if missing := RUNTIMES["openvino-binary"].missing():
        return Findings(skipped=[Skipped("openvino-binary", f"{missing[0]} is not installed")])
    found = Findings()
    for shape in CHAINED:
        jobs = chain_jobs(shape, LAYERS)
        found += measure_group(shape.chain_name, jobs.items(), rounds, tell)
    return found


def chain_jobs(shape: Shape, layers: int) -> dict[str, Job]:
    """Return the contenders of one chain."""

    def job(name: str, module: str) -> Job:
        return Job(
            factory=f"benchmarks.chain_subjects:{name}",
            arguments={"layers": layers},
            input_shape=shape.input_shape(1),
            modules=(module, "benchmarks.chain_subjects"),
            folders=(_ROOT,),
        )

    return {"packed": job("packed", "numba"), "openvino-binary": job("openvino", "openvino")}
