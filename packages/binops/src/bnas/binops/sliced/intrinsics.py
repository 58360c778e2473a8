"""The generated code as functions that Numba kernels call; the first argument names the ISA.

Unlike those of the table kernels these stay functions of their own: they fill all registers, and
inside a kernel with dozens of values at hand LLVM would keep their addresses on the stack.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bnas.binops.sliced import counting, inputs, numbers, results
from bnas.binops.table import emitters
from bnas.binops.table.isa import isa_of
from bnas.binops.table.lanes import I64

_Emit = Callable[[ir.IRBuilder, list[ir.Value]], None]


def _called(name: str, emit: _Emit, builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    """Emit a function, unless the module has it, and a call of it."""
    module, full = builder.module, f"bnas_sliced_{name}"
    function = module.globals.get(full)
    if function is None:
        kind = ir.FunctionType(ir.VoidType(), [I64] * len(arguments))
        function = ir.Function(module, kind, full)
        function.linkage = "linkonce_odr"
        function.attributes.add("noinline")
        inside = ir.IRBuilder(function.append_basic_block("entry"))
        emit(inside, list(function.args))
        inside.ret_void()
    builder.call(function, arguments)


#: Numbers that say where bits are written to: see `emit_spread_quads`.
_TARGET = 8


def _generated(tag: Any, name: str, emit: _Emit, count: int, more: int = 0) -> tuple[Any, Any]:
    """The signature and the code of a function of a tag and `count` integers, without result.

    After these may come a tuple of `more` integers.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        numbers, rest = arguments[1 : count + 1], arguments[count + 1 :]
        given = [number for part in rest for number in cgutils.unpack_tuple(builder, part)]
        _called(name, emit, builder, [*numbers, *given])
        return context.get_dummy_value()

    tuples = [types.UniTuple(types.intp, more)] if more else []
    return types.void(tag, *[types.intp] * count, *tuples), generate


def _generated_for(tag: Any, octets: Any, emitter: Any, count: int) -> tuple[Any, Any]:
    """The same for an emitter of a number of octets, a constant."""
    number = octets.literal_value

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        name = f"{emitter.__name__}_{number}"
        _called(name, emitter(number).emit, builder, list(arguments[2:]))
        return context.get_dummy_value()

    return types.void(tag, octets, *[types.intp] * count), generate


def _generated_by(
    tag: Any, name: str, way_for: Callable[..., Any], emit: Any, count: int
) -> tuple[Any, Any]:
    """The same for an emitter with two ways, of which the CPU's features choose one.

    Numba's cache tells kernels apart by these features, too.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        features = context.codegen().magic_tuple()[2].split(",")
        way = way_for({name[1:] for name in features if name.startswith("+")})
        _called(name, functools.partial(emit, way), builder, list(arguments[1:]))
        return context.get_dummy_value()

    return types.void(tag, *[types.intp] * count), generate


def _as_isa_of(tag: Any, emit: Callable[..., None]) -> _Emit:
    """An emitter of the table kernels for the instruction set of a tag."""
    isa = isa_of(tag.instance_class)
    return lambda builder, arguments: emit(builder, isa, arguments)


@intrinsic
def gather_bits(
    typing: Any, tag: Any, source: Any, group_bytes: Any, groups: Any, target: Any
) -> Any:
    """Part a block of bytes of four channels into words of bits: see `emit_gather`."""
    return _generated_by(tag, "gather", inputs.parter_for, inputs.emit_gather, 4)


@intrinsic
def gather_bytes(
    typing: Any, tag: Any, source: Any, step: Any, count: Any, pixels: Any, target: Any
) -> Any:
    """Part a block of bytes of eight channels into words of bits: see `emit_gather_bytes`."""
    return _generated_by(tag, "gather_bytes", inputs.parter_for, inputs.emit_gather_bytes, 5)


@intrinsic
def pick_bits(
    typing: Any, tag: Any, source: Any, mask: Any, channels: Any, target: Any, block_bytes: Any,
    first: Any, picked: Any,
) -> Any:  # fmt: skip
    """Append some pixels of a block to the words of a smaller image: see `emit_pick`."""
    return _generated(tag, "pick", inputs.emit_pick, 7)


@intrinsic
def shift_bits(
    typing: Any, tag: Any, source: Any, block_bytes: Any, first: Any, mask: Any, channels: Any,
    target: Any,
) -> Any:  # fmt: skip
    """Displace the words of a block for one tap: see `emit_shift`."""
    return _generated(tag, "shift", inputs.emit_shift, 6)


@intrinsic
def make_tables(typing: Any, tag: Any, words: Any, pairs: Any, tables: Any, parity: Any) -> Any:
    """Make the tables of one block of pixels: see `emit_tables`."""
    return _generated(tag, "tables", counting.emit_tables, 4)


@intrinsic(prefer_literal=True)
def count_octets(
    typing: Any, tag: Any, octets: Any, tables: Any, indices: Any, index_step: Any, trees: Any,
    counters: Any, counter_step: Any, carries: Any, carry_step: Any,
) -> Any:  # fmt: skip
    """Count some octets: see `CountEmitter.emit`; `octets` is a constant."""
    return _generated_for(tag, octets, counting.CountEmitter, 8)


@intrinsic(prefer_literal=True)
def reduce_carries(
    typing: Any, tag: Any, octets: Any, carries: Any, carry_step: Any, count: Any, counters: Any,
    counter_step: Any, out: Any,
) -> Any:  # fmt: skip
    """Add carries to counters: see `ReduceEmitter.emit`; `octets` is a constant."""
    return _generated_for(tag, octets, counting.ReduceEmitter, 6)


@intrinsic
def start_counters(
    typing: Any, tag: Any, starts: Any, planes: Any, parity: Any, signs: Any, octets: Any,
    counters: Any, counter_bytes: Any, carries: Any, carry_bytes: Any,
) -> Any:  # fmt: skip
    """Set counters: see `emit_start`."""
    return _generated(tag, "start", results.emit_start, 9)


@intrinsic
def write_signs(
    typing: Any, tag: Any, plane: Any, counter_bytes: Any, quads: Any, flips: Any, target: Any
) -> Any:
    """Write bits of counters into planes, whose place is a tuple: see `emit_signs`."""
    return _generated(tag, "signs", results.emit_signs, 4, _TARGET)


@intrinsic
def read_sign_bytes(typing: Any, tag: Any, plane: Any, flips: Any, is_whole: Any, out: Any) -> Any:
    """Bits of an octet of a counter: see `emit_sign_bytes`."""
    return _generated(tag, "sign_bytes", results.emit_sign_bytes, 4)


@intrinsic
def read_numbers(typing: Any, tag: Any, counter: Any, planes: Any, out: Any, step: Any) -> Any:
    """Numbers of a quad of a counter: see `emit_numbers`."""
    return _generated_by(tag, "numbers", numbers.reader_for, numbers.emit_numbers, 4)


@intrinsic
def read_sums(
    typing: Any, tag: Any, counters: Any, counter_bytes: Any, quads: Any, planes: Any, length: Any,
    out: Any,
) -> Any:  # fmt: skip
    """Dot products of counters: see `emit_sums`."""
    return _generated_by(tag, "sums", numbers.reader_for, numbers.emit_sums, 6)


@intrinsic
def scale_sums(
    typing: Any, tag: Any, counts: Any, scales: Any, parameters: Any, parameter_row: Any,
    activation: Any, accumulate: Any, out: Any, row_bytes: Any, channels: Any,
) -> Any:  # fmt: skip
    """Floats of dot products: see `emit_scale_sums`."""
    return _generated(tag, "scale_sums", _as_isa_of(tag, emitters.emit_scale_sums), 9)


@intrinsic
def pack_rows(
    typing: Any, tag: Any, values: Any, row_bytes: Any, channels: Any, thresholds: Any, flips: Any,
    target: Any,
) -> Any:  # fmt: skip
    """Bits of rows of floats, into planes whose place is a tuple: see `emit_pack`."""
    return _generated(tag, "pack", _as_isa_of(tag, emitters.emit_pack), 5, _TARGET)
