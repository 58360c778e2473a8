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

    def generate(context, builder, signature, arguments):
        emit(builder, isa, list(arguments[1:]))
        return context.get_dummy_value()

    return types.void(tag, *[_INT] * count), generate


@intrinsic(prefer_literal=True)
def tile(typing, tag, pairs, vectors, lut, tables, pixels, step, taps, triples, out, out_step):
    """Count the mismatches of a tile: see `TileEmitter.emit`; `pairs`, `vectors` are constants."""
    emitter = TileEmitter(isa_of(tag.instance_class), pairs.literal_value, vectors.literal_value)

    def generate(context, builder, signature, arguments):
        emitter.emit(builder, list(arguments[3:]))
        return context.get_dummy_value()

    return types.void(tag, pairs, vectors, *[_INT] * 8), generate


@intrinsic
def threshold(typing, tag, mismatches, step, valid, thresholds, flips, out, vectors):
    """Bits of the counts of a quad: see `emit_threshold`."""
    return _generated(tag, emitters.emit_threshold, 7)


@intrinsic
def compare(typing, tag, values, row_bytes, channels, thresholds, flips, out, vectors):
    """Bits of a quad of rows of floats: see `emit_compare`."""
    return _generated(tag, emitters.emit_compare, 7)


@intrinsic
def scale(
    typing,
    tag,
    mismatches,
    step,
    valid,
    scales,
    parameters,
    parameter_row,
    activation,
    accumulate,
    out,
    row_bytes,
    channels,
    vectors,
):
    """Floats of the counts of a quad: see `emit_scale`."""
    return _generated(tag, emitters.emit_scale, 12)


@intrinsic
def spread(
    typing, tag, bits, start, vectors, first, plane_bytes, columns, count, masks, mask_bytes
):
    """Write bits into the planes of their group: see `emit_spread`."""
    return _generated(tag, emitters.emit_spread, 9)


@intrinsic
def stage(typing, tag, source, pixels, low, high, plane_bytes, columns, count, masks, mask_bytes):
    """Copy a plane of bytes into the planes of its two groups: see `emit_stage`."""
    return _generated(tag, emitters.emit_stage, 9)


@intrinsic
def copy_row(typing, tag, source, target, count):
    """Copy bytes, perhaps a few more: see `emit_copy`."""
    return _generated(tag, rows.emit_copy, 3)


@intrinsic
def halve_row(typing, tag, source, even, odd, count):
    """Deal bytes out in turn: see `emit_halve`."""
    return _generated(tag, rows.emit_halve, 4)


@intrinsic
def copy_rows(typing, tag, source, target, source_step, target_step, count, height):
    """Copy rows of float32 values: see `emit_copy_rows`."""
    return _generated(tag, rows.emit_copy_rows, 6)


@intrinsic
def take_rows(typing, tag, source, target, source_step, target_step, count, height):
    """Copy every other value of rows: see `emit_take_rows`."""
    return _generated(tag, rows.emit_take_rows, 6)


@intrinsic
def halve_rows(typing, tag, source, even, odd, source_step, target_step, count, height):
    """Deal the values of rows out in turn: see `emit_halve_rows`."""
    return _generated(tag, rows.emit_halve_rows, 7)


@intrinsic
def dot(typing, tag, first, second, count, out):
    """Dot product of padded float32 vectors: see `emit_dot`."""
    return _generated(tag, rows.emit_dot, 4)


@intrinsic
def sum_row(typing, tag, source, vectors):
    """Sum of vectors of float32, as a float64: see `emit_sum`."""
    isa = isa_of(tag.instance_class)

    def generate(context, builder, signature, arguments):
        slot = cgutils.alloca_once(builder, F64)
        rows.emit_sum(builder, isa, [*arguments[1:], builder.ptrtoint(slot, I64)])
        return builder.load(slot)

    return types.float64(tag, _INT, _INT), generate


@intrinsic
def pool_row(typing, tag, upper, middle, lower, target, count):
    """Pool a row of 3x3 windows, perhaps a few more: see `emit_pool`."""
    return _generated(tag, rows.emit_pool, 5)


@intrinsic
def mean_row(typing, tag, upper, lower, target, count):
    """Mean of a row of 2x2 windows, perhaps a few more: see `emit_mean`."""
    return _generated(tag, rows.emit_mean, 4)


@intrinsic
def product(typing, tag, columns, sources, depth, result):
    """Rows of a product, for a tile of some columns: see `emit_product`.

    `sources` are the addresses of the weights, of the pixels and of the offsets; `result` those of
    the biases, of the least result and of the result, and the bytes between its rows.
    """
    isa = isa_of(tag.instance_class)

    def generate(context, builder, signature, arguments):
        _, columns, sources, depth, result = arguments
        first, last = (cgutils.unpack_tuple(builder, part) for part in (sources, result))
        emit_product(builder, isa, [columns, *first, depth, *last])
        return context.get_dummy_value()

    sizes = (types.UniTuple(_INT, 3), _INT, types.UniTuple(_INT, 4))
    return types.void(tag, _INT, *sizes), generate
