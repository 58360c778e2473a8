"""Vectors with operators, for code that LLVM compiles: the table kernels are written in it.

A `Lanes` is an LLVM vector under construction; its operators emit instructions. Numba inlines what
an `intrinsic` emits into the kernel that calls it, and the same emitters build modules for other
CPUs (`bnas.binops.table.cross`), so that nothing here may ask which machine this is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

I1: ir.Type
I8: ir.Type
I16: ir.Type
I32: ir.Type
I64: ir.Type
I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
F32: ir.Type = ir.FloatType()
F64: ir.Type = ir.DoubleType()


class Lanes:
    """One LLVM vector value.

    Operators take another `Lanes` of the same type, or a Python number that stands for a vector of
    it. Integers wrap around; `>>` shifts zeros in; comparisons are unsigned unless named otherwise.

    Args:
        builder: Where instructions are emitted.
        value: The LLVM value, of a vector type.
    """

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder = builder
        self.value = value

    @property
    def element(self) -> ir.Type:
        """Type of an element."""
        return self.value.type.element

    @property
    def count(self) -> int:
        """Number of elements."""
        return int(self.value.type.count)

    def _of(self, other: Lanes | int | float) -> ir.Value:
        """Read an operand."""
        return other.value if isinstance(other, Lanes) else constant(self.value.type, other)

    def _new(self, value: ir.Value) -> Lanes:
        return Lanes(self.builder, value)

    def _is_float(self) -> bool:
        return isinstance(self.element, ir.FloatType | ir.DoubleType)

    def __add__(self, other: Lanes | int | float) -> Lanes:
        """Sum."""
        emit = self.builder.fadd if self._is_float() else self.builder.add
        return self._new(emit(self.value, self._of(other)))

    def __sub__(self, other: Lanes | int | float) -> Lanes:
        """Difference."""
        emit = self.builder.fsub if self._is_float() else self.builder.sub
        return self._new(emit(self.value, self._of(other)))

    def __mul__(self, other: Lanes | int | float) -> Lanes:
        """Product."""
        emit = self.builder.fmul if self._is_float() else self.builder.mul
        return self._new(emit(self.value, self._of(other)))

    def __and__(self, other: Lanes | int) -> Lanes:
        """Bits that are 1 in both."""
        return self._new(self.builder.and_(self.value, self._of(other)))

    def __or__(self, other: Lanes | int) -> Lanes:
        """Bits that are 1 in either."""
        return self._new(self.builder.or_(self.value, self._of(other)))

    def __xor__(self, other: Lanes | int) -> Lanes:
        """Bits that are 1 in exactly one."""
        return self._new(self.builder.xor(self.value, self._of(other)))

    def __rshift__(self, places: int) -> Lanes:
        """Elements shifted right; zeros come in."""
        return self._new(self.builder.lshr(self.value, self._of(places)))

    def __lshift__(self, places: int) -> Lanes:
        """Elements shifted left; zeros come in."""
        return self._new(self.builder.shl(self.value, self._of(places)))

    def equals(self, other: Lanes | int) -> Lanes:
        """Vector of bool: self == other."""
        return self._new(self.builder.icmp_unsigned("==", self.value, self._of(other)))

    def signed_at_least(self, other: Lanes | int) -> Lanes:
        """Vector of bool: self >= other, as signed integers."""
        return self._new(self.builder.icmp_signed(">=", self.value, self._of(other)))

    def float_at_least(self, other: Lanes | float) -> Lanes:
        """Vector of bool: self >= other, False for NaN."""
        return self._new(self.builder.fcmp_ordered(">=", self.value, self._of(other)))

    def float_above(self, other: Lanes | float) -> Lanes:
        """Vector of bool: self > other, False for NaN."""
        return self._new(self.builder.fcmp_ordered(">", self.value, self._of(other)))

    def choose(self, yes: Lanes | int | float, no: Lanes) -> Lanes:
        """Where this vector of bool is True `yes`, else `no`."""
        return self._new(self.builder.select(self.value, no._of(yes), no.value))

    def widen(self, element: ir.Type) -> Lanes:
        """The same numbers as a wider unsigned type."""
        return self._new(self.builder.zext(self.value, ir.VectorType(element, self.count)))

    def widen_signed(self, element: ir.Type) -> Lanes:
        """The same numbers as a wider signed type; a bool becomes 0 or -1."""
        return self._new(self.builder.sext(self.value, ir.VectorType(element, self.count)))

    def narrow(self, element: ir.Type) -> Lanes:
        """The low bits of every element."""
        return self._new(self.builder.trunc(self.value, ir.VectorType(element, self.count)))

    def to_float(self) -> Lanes:
        """Signed integers as float32."""
        return self._new(self.builder.sitofp(self.value, ir.VectorType(F32, self.count)))

    def to_double(self) -> Lanes:
        """The same numbers as float64."""
        return self._new(self.builder.fpext(self.value, ir.VectorType(F64, self.count)))

    def total(self) -> ir.Value:
        """The sum of all elements, halves first; a scalar."""
        whole = self
        while whole.count > 1:
            half = whole.count // 2
            whole = whole.pick(range(half)) + whole.pick(range(half, 2 * half))
        return self.builder.extract_element(whole.value, I64(0))

    def regard_as(self, element: ir.Type) -> Lanes:
        """The same bits, as elements of another size."""
        count = self.count * self.element.width // element.width
        return self._new(self.builder.bitcast(self.value, ir.VectorType(element, count)))

    def pick(self, indices: Sequence[int]) -> Lanes:
        """The elements at constant `indices`."""
        return self.mix(self._new(ir.Constant(self.value.type, ir.Undefined)), indices)

    def mix(self, other: Lanes, indices: Sequence[int]) -> Lanes:
        """The elements at constant `indices` of these and, counted on, those of `other`."""
        mask = ir.Constant(ir.VectorType(I32, len(indices)), list(indices))
        return self._new(self.builder.shuffle_vector(self.value, other.value, mask))

    def behind(self, other: Lanes) -> Lanes:
        """The last element of `other`, then all of these but the last."""
        return other.mix(self, range(self.count - 1, 2 * self.count - 1))

    def high_nibbles(self) -> Lanes:
        """The upper four bits of every byte.

        Vectors have no shift of bytes: 16-bit lanes are shifted, and what comes in from the
        neighbour is masked.
        """
        return (self.regard_as(I16) >> 4).regard_as(I8) & 15


def constant(kind: ir.VectorType, number: int | float) -> ir.Constant:
    """A vector of one number."""
    return ir.Constant(kind, [number] * kind.count)


def zeros(builder: ir.IRBuilder, element: ir.Type, count: int) -> Lanes:
    """A vector of 0."""
    return Lanes(builder, ir.Constant(ir.VectorType(element, count), None))


def broadcast(builder: ir.IRBuilder, scalar: ir.Value, count: int) -> Lanes:
    """A vector of one scalar."""
    kind = ir.VectorType(scalar.type, count)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, I32(0))
    return Lanes(builder, one).pick([0] * count)


def address_at(
    builder: ir.IRBuilder, address: ir.Value, count: ir.Value | int, size: int = 1
) -> Any:
    """`address` plus `count` elements of `size` bytes."""
    if isinstance(count, int):
        return builder.add(address, I64(count * size)) if count else address
    return builder.add(address, builder.mul(count, I64(size)) if size > 1 else count)


def load(builder: ir.IRBuilder, address: ir.Value, kind: ir.Type, align: int = 1) -> ir.Value:
    """The scalar or vector at an address."""
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def load_lanes(
    builder: ir.IRBuilder, address: ir.Value, element: ir.Type, count: int, align: int = 1
) -> Lanes:
    """The vector at an address."""
    return Lanes(builder, load(builder, address, ir.VectorType(element, count), align))


def load_where(builder: ir.IRBuilder, flags: Lanes, address: ir.Value, element: ir.Type) -> Lanes:
    """The elements at an address whose flag is True, and 0; nothing else is read."""
    kind = ir.VectorType(element, flags.count)
    pointer = builder.inttoptr(address, kind.as_pointer())
    name = f"llvm.masked.load.v{flags.count}i{element.width}.p0"
    arguments = [pointer.type, I32, flags.value.type, kind]
    module = builder.module
    function = module.globals.get(name) or ir.Function(
        module, ir.FunctionType(kind, arguments), name
    )
    nothing = ir.Constant(kind, None)
    return Lanes(builder, builder.call(function, [pointer, I32(1), flags.value, nothing]))


def store(
    builder: ir.IRBuilder, lanes: Lanes | ir.Value, address: ir.Value, align: int = 1
) -> None:
    """Write a scalar or a vector to an address."""
    value = lanes.value if isinstance(lanes, Lanes) else lanes
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=align)


def prefetch(builder: ir.IRBuilder, address: ir.Value) -> None:
    """Ask for the cache line at an address, which need not be anybody's."""
    pointer = I8.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, I32, I32, I32])
    module, name = builder.module, "llvm.prefetch.p0i8"
    function = module.globals.get(name) or ir.Function(module, kind, name)
    # To read, to be kept in every cache, of data.
    options = I32(0), I32(3), I32(1)
    builder.call(function, [builder.inttoptr(address, pointer), *options])


def call(builder: ir.IRBuilder, name: str, result: ir.Type, *operands: Lanes) -> Lanes:
    """Call an LLVM intrinsic by its full name."""
    kind = ir.FunctionType(result, [operand.value.type for operand in operands])
    module = builder.module
    function = module.globals.get(name) or ir.Function(module, kind, name)
    return Lanes(builder, builder.call(function, [operand.value for operand in operands]))


class Variable:
    """A vector that changes in a loop; LLVM keeps it in a register.

    Args:
        builder: Where instructions are emitted.
        element: Type of an element.
        count: Number of elements.
    """

    def __init__(self, builder: ir.IRBuilder, element: ir.Type, count: int) -> None:
        self.builder = builder
        with builder.goto_entry_block():
            self._slot = builder.alloca(ir.VectorType(element, count))

    def get(self) -> Lanes:
        """The value now."""
        return Lanes(self.builder, self.builder.load(self._slot))

    def set(self, lanes: Lanes) -> None:
        """Give it a value."""
        self.builder.store(lanes.value, self._slot)


@contextmanager
def loop(builder: ir.IRBuilder, start: ir.Value, stop: ir.Value) -> Iterator[ir.Value]:
    """Emit the body once for every int64 index from `start` to before `stop`."""
    with builder.goto_entry_block():
        slot = builder.alloca(I64)
    builder.store(start, slot)
    head = builder.append_basic_block("loop.head")
    body = builder.append_basic_block("loop.body")
    after = builder.append_basic_block("loop.after")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.load(slot)
    builder.cbranch(builder.icmp_signed("<", index, stop), body, after)
    builder.position_at_end(body)
    yield index
    builder.store(builder.add(index, I64(1)), slot)
    builder.branch(head)
    builder.position_at_end(after)
