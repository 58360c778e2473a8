"""How each part of the suite is shown in RESULTS.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from benchmarks import cuda_tables
from benchmarks.markdown import markdown
from benchmarks.shapes import CHAINED, LAYERS, SHAPES
from bnas.tools.bench_table import digits

Document = dict[str, Any]


@frozen
class Table:
    """A part's section.

    Attributes:
        title: Its heading.
        explanation: What the figures mean.
        rows: Makes the lines of its tables, of its own document and those of all parts.
    """

    title: str
    explanation: str
    rows: Callable[[Document, dict[str, Document]], list[str]]


def by_group(document: Document) -> dict[tuple[str, int, int], dict[str, Document]]:
    """Return the records by model, batch and threads, then by runtime."""
    groups: dict[tuple[str, int, int], dict[str, Document]] = {}
    for record in document["records"]:
        key = (record["model"], record["batch"], record["threads"])
        groups.setdefault(key, {})[record["runtime"]] = record
    return groups


def _ceiling(document: Document, _: dict[str, Document]) -> list[str]:
    rows = [
        (loop["name"], f"{loop['bit_ops_per_cycle']:.0f}", f"{loop['ghz']:.2f}")
        for loop in document["loops"]
    ]
    return markdown(("inner loop", "bit-operations a cycle", "GHz"), rows)


def _kernels(document: Document, documents: dict[str, Document]) -> list[str]:
    ghz = _ghz(documents)
    shapes = {shape.name: shape for shape in SHAPES}
    rows = []
    for (model, batch, _), found in by_group(document).items():
        packed, torch = found.get("packed"), found.get("torch")
        if packed is None:
            continue
        useful = shapes[model].useful_bit_ops(batch)
        rows.append(
            (
                model,
                str(batch),
                f"**{digits(packed['min_ms'])}**",
                digits(found["packing"]["min_ms"]) if "packing" in found else "-",
                digits(torch["min_ms"]) if torch else "-",
                f"{torch['min_ms'] / packed['min_ms']:.1f}x" if torch else "-",
                _per_cycle(useful, packed["min_ms"], ghz),
            )
        )
    columns = (
        "shape",
        "N",
        "packed, ms",
        "packing apart, ms",
        "torch float32, ms",
        "torch / packed",
        "useful bit-operations a cycle",
    )
    return markdown(columns, rows)


def _ghz(documents: dict[str, Document]) -> float | None:
    loops = documents.get("ceiling", {}).get("loops", [])
    return max((loop["ghz"] for loop in loops), default=None)


def _per_cycle(useful: int, time_ms: float, ghz: float | None) -> str:
    return "-" if ghz is None else f"{useful / (time_ms * ghz * 1e6):.0f}"


def _chains(document: Document, documents: dict[str, Document]) -> list[str]:
    ghz = _ghz(documents)
    shapes = {shape.chain_name: shape for shape in CHAINED}
    rows = []
    for (model, batch, _), found in by_group(document).items():
        if {"packed", "openvino-binary"} <= found.keys():
            packed, peer = found["packed"]["min_ms"], found["openvino-binary"]["min_ms"]
            useful = shapes[model].useful_bit_ops(batch)
            rows.append(
                (
                    shapes[model].name,
                    f"**{digits(packed)}**",
                    digits(peer),
                    f"{peer / packed:.2f}x",
                    _per_cycle(useful, packed, ghz),
                    _per_cycle(useful, peer, ghz),
                )
            )
    columns = (
        "shape",
        "packed, ms a layer",
        "OpenVINO 1 bit, ms a layer",
        "OpenVINO / packed",
        "packed, useful bit-operations a cycle",
        "OpenVINO, the same",
    )
    return markdown(columns, rows)


def _networks(document: Document, _: dict[str, Document]) -> list[str]:
    differences = {
        (each["model"], each["runtime"]): each["max_abs_difference"]
        for each in document["comparisons"]
    }
    rows = []
    for (model, _batch, _threads), found in by_group(document).items():
        base = found.get("packed")
        for runtime, record in found.items():
            difference = differences.get((model, runtime))
            ratio = None if base is None else record["min_ms"] / base["min_ms"]
            rows.append(
                (
                    model,
                    runtime,
                    f"**{digits(record['min_ms'])}**"
                    if runtime == "packed"
                    else digits(record["min_ms"]),
                    digits(record["median_ms"]),
                    "-" if ratio is None else f"{ratio:.2f}x",
                    digits(record["warmup_s"]),
                    f"{record['peak_mb']:.0f}",
                    "-" if difference is None else f"{difference:.1g}",
                )
            )
    columns = (
        "network",
        "runtime",
        "ms, least",
        "median",
        "times packed",
        "warm-up, s",
        "peak, MB",
        "logits off by",
    )
    return markdown(columns, rows)


def _threads(document: Document, _: dict[str, Document]) -> list[str]:
    alone: dict[tuple[str, int], float] = {}
    rows = []
    for (model, batch, threads), found in by_group(document).items():
        if "packed" not in found:
            continue
        least_ms = found["packed"]["min_ms"]
        base = alone.setdefault((model, batch), least_ms)
        cells = (model, str(batch), str(threads), digits(least_ms), f"{base / least_ms:.2f}x")
        rows.append(cells)
    return markdown(("network", "N", "threads", "ms, least", "times as fast as on 1"), rows)


def _memory(document: Document, _: dict[str, Document]) -> list[str]:
    rows = [(record["model"], f"{record['peak_mb']:.1f}") for record in document["records"]]
    return markdown(("network", "peak memory above imports and images, MB"), rows)


def _c_export(document: Document, _: dict[str, Document]) -> list[str]:
    rows = []
    for network in document["networks"]:
        packed_ms = network["packed_ms"]
        for build in network["builds"]:
            rows.append(
                (
                    network["model"],
                    f"`{build['flags']}`",
                    digits(build["min_ms"]),
                    f"{build['min_ms'] / packed_ms:.1f}x",
                    f"{network['source_bytes'] / 1e6:.1f}",
                    *(f"{build[part] / 1e3:,.1f}" for part in _C_PARTS),
                )
            )
        rows.append(
            (network["model"], "packed, Python", f"**{digits(packed_ms)}**", "1.0x", *"----")
        )
    columns = (
        "network",
        "compiled with",
        "ms, least",
        "times packed",
        "file, MB",
        "code, kB",
        "constants, kB",
        "RAM, kB",
    )
    return markdown(columns, rows)


_C_PARTS = ("code_bytes", "constant_bytes", "ram_bytes")

TABLES = {
    "ceiling": Table(
        "What the instructions allow",
        "Inner loops in C, operands in the first-level cache, one core (`ceiling.c`).",
        _ceiling,
    ),
    "kernels": Table(
        "Single convolutions, one thread",
        "Bits in, bits out. torch: float32 in the faster of NCHW and channels_last. Least of the "
        "calls, in turns. Cycles are those of the clock measured with the ceilings; bit-operations "
        "on padding do not count.",
        _kernels,
    ),
    "chains": Table(
        f"Chains of {LAYERS} equal convolutions, one thread, N=1",
        "Time of one layer, from float activations to the last counts. OpenVINO: opset1 "
        "BinaryConvolution and FakeQuantize, built by hand.",
        _chains,
    ),
    "networks": Table(
        "Whole networks, one thread, N=1",
        "All runtimes run the same pruned network with the same weights; `.random`: random weights "
        "and calibrated batch norms, for nobody has trained it yet. int8 is another function "
        "(`onnxruntime-int8`: static QDQ, weights per channel; `openvino-int8`: nncf). "
        "`openvino-binary`: built by hand with opset1 BinaryConvolution. Where float32 cannot "
        "decide a sign, logits differ. The packed network's kernels come from the cache on disk.",
        _networks,
    ),
    "threads": Table(
        "Threads, N=8",
        "The packed network, with different numbers of threads in turns.",
        _threads,
    ),
    "memory": Table(
        "Memory of a process, N=1",
        "Kernels come from the cache on disk. Counted from where `from bnas import zoo` has "
        "returned, Numba imported with it: what is loaded later, Numba's own parts too, counts.",
        _memory,
    ),
    "c_export": Table(
        "Exported C files, one thread, N=1",
        "`bnas-tools export`, compiled with -std=c99 on this machine; in turns with the "
        "packed network. `-DBNAS_PORTABLE` counts bits without an instruction for it; without "
        "`-march=native` there is no fused multiplication and addition, which then goes through "
        "double unless `-DBNAS_UNFUSED`. 1 kB = 1,000 bytes.",
        _c_export,
    ),
    "cuda": Table(
        "Instructions and kernels on a GPU",
        "Medians of times between events of the GPU, of inputs that no cache holds. Cycles are "
        "those of a multiprocessor (SM); a bit MAC is the product of two bits and its sum. "
        "Convolutions: bits in, bits out; each reads its inputs in turn from one CUDA graph, "
        "torch's (cuDNN, bfloat16, channels_last) likewise. Packing: bytes read and written; the "
        "copy is torch's. Roofline: what the fastest instruction above, and a copy, would take.",
        cuda_tables.rows,
    ),
    "cuda_networks": Table(
        "Whole networks on a GPU",
        "Medians of times between events of the GPU. The same pruned network on every runtime, "
        "images in float32 (packed) or bfloat16 (torch) on the GPU; device memory without the "
        "images, for torch what its allocator gave out at most, for packed all that the driver "
        "lost, compiled kernels included.",
        cuda_tables.network_rows,
    ),
}
