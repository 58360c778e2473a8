"""The generated code as functions that Numba kernels call; the first argument names the ISA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bnas.binops.table import emitters, rows
from bnas.binops.table.fma import emit_product
from bnas.binops.table.isa import isa_of
from bnas.binops.table.lanes import F64, I64
from bnas.binops.table.tile import TileEmitter

_INT = types.intp


def _generated(tag: Any, emit: Callable[..., None], count: int) -> tuple[Any, Any]:
    """The signature and the code of a function of a tag and `count` integers, without result."""
    isa = isa_of(tag.instance_class)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emit(builder, isa, list(arguments[1:]))
        return context.get_dummy_value()

    return types.void(tag, *[_INT] * count), generate


@intrinsic(prefer_literal=True)
def tile(
    typing: Any, tag: Any, pairs: Any, vectors: Any, lut: Any, tables: Any, pixels: Any, step: Any,
    taps: Any, triples: Any, out: Any, out_step: Any,
) -> Any:  # fmt: skip
    """Count the mismatches of a tile: see `TileEmitter.emit`; `pairs`, `vectors` are constants."""
    emitter = TileEmitter(isa_of(tag.instance_class), pairs.literal_value, vectors.literal_value)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter.emit(builder, list(arguments[3:]))
        return context.get_dummy_value()

    return types.void(tag, pairs, vectors, *[_INT] * 8), generate


@intrinsic
def threshold(
    typing: Any, tag: Any, mismatches: Any, step: Any, valid: Any, thresholds: Any, flips: Any,
    out: Any, vectors: Any,
) -> Any:  # fmt: skip
    """Bits of the counts of a quad: see `emit_threshold`."""
    return _generated(tag, emitters.emit_threshold, 7)


@intrinsic
def compare(
    typing: Any, tag: Any, values: Any, row_bytes: Any, channels: Any, thresholds: Any, flips: Any,
    out: Any, vectors: Any,
) -> Any:  # fmt: skip
    """Bits of a quad of rows of floats: see `emit_compare`."""
    return _generated(tag, emitters.emit_compare, 7)


@intrinsic
def scale(
    typing: Any, tag: Any, mismatches: Any, step: Any, valid: Any, scales: Any, parameters: Any,
    parameter_row: Any, activation: Any, accumulate: Any, out: Any, row_bytes: Any, channels: Any,
    vectors: Any,
) -> Any:  # fmt: skip
    """Floats of the counts of a quad: see `emit_scale`."""
    return _generated(tag, emitters.emit_scale, 12)


@intrinsic
def spread(
    typing: Any, tag: Any, bits: Any, start: Any, vectors: Any, first: Any, plane_bytes: Any,
    columns: Any, count: Any, masks: Any, mask_bytes: Any,
) -> Any:  # fmt: skip
    """Write bits into the planes of their group: see `emit_spread`."""
    return _generated(tag, emitters.emit_spread, 9)


@intrinsic
def stage(
    typing: Any, tag: Any, source: Any, pixels: Any, low: Any, high: Any, plane_bytes: Any,
    columns: Any, count: Any, masks: Any, mask_bytes: Any,
) -> Any:  # fmt: skip
    """Copy a plane of bytes into the planes of its two groups: see `emit_stage`."""
    return _generated(tag, emitters.emit_stage, 9)


@intrinsic
def copy_row(typing: Any, tag: Any, source: Any, target: Any, count: Any) -> Any:
    """Copy bytes, perhaps a few more: see `emit_copy`."""
    return _generated(tag, rows.emit_copy, 3)


@intrinsic
def halve_row(typing: Any, tag: Any, source: Any, even: Any, odd: Any, count: Any) -> Any:
    """Deal bytes out in turn: see `emit_halve`."""
    return _generated(tag, rows.emit_halve, 4)


@intrinsic
def copy_rows(
    typing: Any, tag: Any, source: Any, target: Any, source_step: Any, target_step: Any, count: Any,
    height: Any,
) -> Any:  # fmt: skip
    """Copy rows of float32 values: see `emit_copy_rows`."""
    return _generated(tag, rows.emit_copy_rows, 6)


@intrinsic
def take_rows(
    typing: Any, tag: Any, source: Any, target: Any, source_step: Any, target_step: Any, count: Any,
    height: Any,
) -> Any:  # fmt: skip
    """Copy every other value of rows: see `emit_take_rows`."""
    return _generated(tag, rows.emit_take_rows, 6)


@intrinsic
def halve_rows(
    typing: Any, tag: Any, source: Any, even: Any, odd: Any, source_step: Any, target_step: Any,
    count: Any, height: Any,
) -> Any:  # fmt: skip
    """Deal the values of rows out in turn: see `emit_halve_rows`."""
    return _generated(tag, rows.emit_halve_rows, 7)


@intrinsic
def dot(typing: Any, tag: Any, first: Any, second: Any, count: Any, out: Any) -> Any:
    """Dot product of padded float32 vectors: see `emit_dot`."""
    return _generated(tag, rows.emit_dot, 4)


@intrinsic
def sum_row(typing: Any, tag: Any, source: Any, vectors: Any) -> Any:
    """Sum of vectors of float32, as a float64: see `emit_sum`."""
    isa = isa_of(tag.instance_class)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        slot = cgutils.alloca_once(builder, F64)
        rows.emit_sum(builder, isa, [*arguments[1:], builder.ptrtoint(slot, I64)])
        return builder.load(slot)

    return types.float64(tag, _INT, _INT), generate


@intrinsic
def pool_row(
    typing: Any, tag: Any, upper: Any, middle: Any, lower: Any, target: Any, count: Any
) -> Any:
    """Pool a row of 3x3 windows, perhaps a few more: see `emit_pool`."""
    return _generated(tag, rows.emit_pool, 5)


@intrinsic
def mean_row(typing: Any, tag: Any, upper: Any, lower: Any, target: Any, count: Any) -> Any:
    """Mean of a row of 2x2 windows, perhaps a few more: see `emit_mean`."""
    return _generated(tag, rows.emit_mean, 4)


@intrinsic
def product(typing: Any, tag: Any, columns: Any, sources: Any, depth: Any, result: Any) -> Any:
    """Rows of a product, for a tile of some columns: see `emit_product`.

    `sources` are the addresses of the weights, of the pixels and of the offsets; `result` those of
    the biases, of the least result and of the result, and the bytes between its rows.
    """
    isa = isa_of(tag.instance_class)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, columns, sources, depth, result = arguments
        first, last = (cgutils.unpack_tuple(builder, part) for part in (sources, result))
        emit_product(builder, isa, [columns, *first, depth, *last])
        return context.get_dummy_value()

    sizes = (types.UniTuple(_INT, 3), _INT, types.UniTuple(_INT, 4))
    return types.void(tag, _INT, *sizes), generate
