"""How the parts of a GPU are shown in RESULTS.md, beside what was to be reached."""

from __future__ import annotations

import math
from typing import Any

from benchmarks import cuda_instructions
from benchmarks.cuda import (
    BATCH,
    CONVOLUTIONS,
    NETWORKS,
    PACKED_SHAPE,
    PACKED_TYPES,
    PRODUCT,
    SIZE,
    is_of,
    packing_name,
)
from benchmarks.markdown import markdown
from bnas.tools.bench_table import digits

Document = dict[str, Any]
#: What packed is to be, times the other; and the share of a copy's bandwidth.
CONVOLUTION_TARGET, PRODUCT_TARGETS = 4, {"torch-bf16": 5, "torch-int8": 3}
NETWORK_TARGET, MEMORY_TARGET, COPY_TARGET = 2, 4, 0.8
_ITEM_BYTES = {"float16": 2, "float32": 4}


def rows(document: Document, _: dict[str, Document]) -> list[str]:
    """Return the lines of the tables of instructions and kernels."""
    records = document["records"]
    tables = [
        cuda_instructions.tables(document["instructions"]),
        _kernels(records),
        _packing(records),
        _roofline(records, document["instructions"]),
    ]
    return [line for table in tables for line in (*table, "")][:-1]


def median_ms(records: list[Document], model: str, runtime: str) -> float | None:
    """Return the median of a model on a runtime; None if it was not measured."""
    found = (r for r in records if (r["model"], r["runtime"]) == (model, runtime))
    return next((record["median_ms"] for record in found), None)


def _kernels(records: list[Document]) -> list[str]:
    wanted = [(shape.name, {"torch-bf16": CONVOLUTION_TARGET}) for shape in CONVOLUTIONS]
    lines = []
    for model, targets in [*wanted, (PRODUCT, PRODUCT_TARGETS)]:
        packed = median_ms(records, model, "packed")
        for runtime, target in targets.items():
            other = median_ms(records, model, runtime)
            if packed is not None and other is not None:
                ratio = f"**{other / packed:.2f}x**"
                lines.append((model, runtime, digits(packed), digits(other), ratio, f"{target}x"))
    head = ("kernel", "against", "packed, ms", "it, ms", "it / packed", "asked for")
    return markdown(head, lines)


def packing_bytes(dtype: str) -> tuple[int, int]:
    """Return the bytes that packing a type reads and writes, and that the copy does."""
    count = math.prod(PACKED_SHAPE)
    read = count * _ITEM_BYTES[dtype]
    return read + count // 8, 2 * read


def _packing(records: list[Document]) -> list[str]:
    lines = []
    for dtype in PACKED_TYPES:
        times = [median_ms(records, packing_name(dtype), name) for name in ("packed", "copy")]
        known = [time_ms for time_ms in times if time_ms is not None]
        if len(known) == len(times):
            rates = [
                size / time_ms / 1e6
                for size, time_ms in zip(packing_bytes(dtype), known, strict=True)
            ]
            share = f"**{100 * rates[0] / rates[1]:.0f} %**"
            lines.append(
                (packing_name(dtype), *map(digits, rates), share, f"{100 * COPY_TARGET:.0f} %")
            )
    head = ("what", "packed, GB/s", "copy, GB/s", "of the copy", "asked for")
    return markdown(head, lines)


def network_rows(document: Document, _: dict[str, Document]) -> list[str]:
    """Return the lines of the table of networks."""
    records, lines = document["records"], []
    for entry in NETWORKS:
        found = {each["runtime"]: each for each in records if is_of(each, entry)}
        packed = found.get("packed")
        for runtime, each in found.items():
            time_ms = each["median_ms"]
            faster = smaller = "-"
            if packed is not None and each is not packed:
                faster = f"{time_ms / packed['median_ms']:.2f}x"
                smaller = f"{each['peak_mb'] / max(packed['peak_mb'], 0.01):.1f}x"
            lines.append(
                (
                    each["model"],
                    str(entry.batch),
                    runtime,
                    digits(time_ms),
                    digits(1e3 * entry.batch / time_ms),
                    faster,
                    digits(each["peak_mb"]),
                    smaller,
                )
            )
    head = (
        "network", "N", "runtime", "ms", "images/s", "times packed", "device memory, MB",
        "memory, times packed",
    )  # fmt: skip
    asked = (
        f"Asked for: {NETWORK_TARGET}x against torch-compile-bf16 (N={BATCH}) and "
        f"torch-overhead-bf16 (N=1); {MEMORY_TARGET}x the memory in torch-bf16 (BNAS-D)."
    )
    return [*markdown(head, lines), "", asked]


def work_of_kernels() -> dict[str, tuple[int, int]]:
    """Return multiply-accumulates of bits, and bytes read and written, of each packed kernel."""
    found = {}
    for shape in CONVOLUTIONS:
        words = -(-shape.in_channels // 32) + -(-shape.out_channels // 32)
        moved = 4 * words * BATCH * shape.side**2 + math.prod(shape.weight_shape) // 8
        found[shape.name] = (shape.useful_bit_ops(BATCH), moved)
    found[PRODUCT] = (SIZE**3, 2 * SIZE**2 // 8 + 4 * SIZE**2)
    for dtype in PACKED_TYPES:
        found[packing_name(dtype)] = (0, packing_bytes(dtype)[0])
    return found


def limits_ms(work: tuple[int, int], instructions: Document) -> tuple[float, float]:
    """Return how long the matrix instruction alone, and memory alone, would take."""
    operations, moved = work
    rates = [
        each["tera_per_s"] for each in instructions["instructions"] if each["unit"] == "bit MAC"
    ]
    return (
        operations / max(rates) / 1e9,
        moved / instructions["memory"]["copy_gb_per_s"] / 1e6,
    )


def _roofline(records: list[Document], instructions: Document) -> list[str]:
    lines = []
    for model, work in work_of_kernels().items():
        time_ms = median_ms(records, model, "packed")
        if time_ms is not None:
            limits = limits_ms(work, instructions)
            lines.append(
                (
                    model,
                    digits(work[0] / 1e9),
                    digits(work[1] / 1e6),
                    *(f"{limit:.4f}" for limit in limits),
                    digits(time_ms),
                    f"{100 * max(limits) / time_ms:.0f} %",
                )
            )
    head = (
        "packed kernel", "10⁹ bit MAC", "MB moved", "instructions alone, ms", "memory alone, ms",
        "measured, ms", "of the roofline",
    )  # fmt: skip
    return markdown(head, lines)
