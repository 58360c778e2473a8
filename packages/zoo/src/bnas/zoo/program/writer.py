"""Steps on a tape: every step becomes operations of `bnas.binops.tape` on planned memory."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from attrs import define, field

from bnas.binops import tape
from bnas.zoo.program import steps as kinds
from bnas.zoo.program.memory import MemoryPlan
from bnas.zoo.program.planes import is_plain, lifetimes, plan_planes, written_bits
from bnas.zoo.program.steps import Place, Step

Shape = tuple[int, int, int]
#: The images, float32 (N, C, H, W), and the logits, float32 (N, classes).
IMAGES, LOGITS = tape.PORT, tape.PORT + 1
_FLOAT_BYTES = 4


def _is_constant(step: Step) -> bool:
    return isinstance(step, kinds.Pack) and step.constant


@define
class Writer:
    """Puts a program on a tape.

    Attributes:
        builder: The tape.
        steps: The program; none once it is written.
        shapes: Value -> (C, H, W); bits under the name of their sign, float buffers under theirs.
        plan: Where the float buffers lie.
        ends: For every number of steps, the operations that have then run.
        last_writes: Name of bits -> operations after which a run has completed them; none for bits
            that are made once.
        main: Operations that a run needs; those behind them make the constant bits, once an arena.
    """

    builder: tape.TapeBuilder
    steps: Sequence[Step]
    shapes: Mapping[str, Shape]
    plan: MemoryPlan
    ends: list[int] = field(factory=lambda: [0])
    last_writes: dict[str, int] = field(factory=dict)
    main: int = 0
    planes: dict[str, tape.PlaneSet] = field(factory=dict)
    floats: tape.Pointer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.floats = self.builder.reserve(self.plan.bytes_per_image)
        self._place_planes()

    def write(self, output: Place) -> None:
        """Write all steps, the copy of the logits, and behind them what is done once.

        Steps are let go as they are written, so that their weights and the tape's copies are not
        all there at once.

        Args:
            output: Where the logits are after the last step.
        """
        once = [step for step in self.steps if _is_constant(step)]
        steps, self.steps = deque(self.steps), ()
        while steps:
            step = steps.popleft()
            if not _is_constant(step):
                self._write(step)
                self.last_writes |= dict.fromkeys(written_bits(step), len(self.builder))
            self.ends.append(len(self.builder))
        classes = output.stop - output.start
        logits = tape.Pointer(LOGITS, 0, _FLOAT_BYTES * classes)
        tape.add_float(
            self.builder,
            tape.Float.COPY,
            tape.Rows(self.at(output), self.row(output), classes, 1),
            tape.Rows(logits, _FLOAT_BYTES, classes, 1),
        )
        self.main = len(self.builder)
        for step in once:
            self._write(kinds.Fill(writes=step.reads))
            self._write(step)

    # Where values lie

    def row(self, place: Place) -> int:
        """Bytes between the channels of a place."""
        _, height, width = self.shapes[place.buffer]
        return _FLOAT_BYTES * self.builder.row_floats(height * width)

    def at(self, place: Place) -> tape.Pointer:
        """Where the first channel of a place lies."""
        start = _FLOAT_BYTES * self.plan.offsets[place.buffer]
        return self.floats.plus(start + place.start * self.row(place))

    def rows(self, place: Place) -> tape.Rows:
        """The rows of a place."""
        _, height, width = self.shapes[place.buffer]
        return tape.Rows(self.at(place), self.row(place), place.stop - place.start, height * width)

    def _place_planes(self) -> None:
        """Give the bits of every name planes; those of one layout follow each other in the same."""
        layouts = plan_planes(self.builder.isa, self.steps, self.shapes)
        spans = lifetimes(self.steps)
        # Bits that are made once must outlive every run.
        always = {name for step in filter(_is_constant, self.steps) for name in written_bits(step)}
        spans.update(dict.fromkeys(always, (-1, len(self.steps))))
        free: dict[tape.PlaneLayout, list[tuple[int, tape.PlaneSet]]] = {}
        for name in sorted(layouts, key=lambda name: spans[name]):
            first, last = spans[name]
            slots = free.setdefault(layouts[name], [])
            ready = next((index for index, (end, _) in enumerate(slots) if end < first), None)
            if ready is None:
                slots.append((last, tape.add_planes(self.builder, layouts[name])))
                ready = len(slots) - 1
            slots[ready] = (last, slots[ready][1])
            self.planes[name] = slots[ready][1]

    # Steps

    @functools.singledispatchmethod
    def _write(self, step: Step) -> None:
        raise TypeError(f"no operation for {type(step).__name__}")

    @_write.register
    def _(self, step: kinds.Load) -> None:
        place = step.writes[0]
        channels, height, width = self.shapes[place.buffer]
        row = _FLOAT_BYTES * height * width
        images = tape.Pointer(IMAGES, 0, channels * row)
        source = tape.Rows(images, row, channels, height * width)
        tape.add_float(self.builder, tape.Float.COPY, source, self.rows(place))

    @_write.register
    def _(self, step: kinds.BinaryConv) -> None:
        planes = self.planes[step.source]
        geometry = step.geometry
        if not is_plain(self.builder.isa, geometry):
            layout = tape.layout_for(geometry).together(geometry.in_channels)
            planes = tape.add_restage(self.builder, planes, layout)
        conv = tape.ConvWriter(self.builder, geometry, step.weight, planes)
        for part in step.bits:
            conv.add_bits(part.cut.threshold, part.cut.flip, self.planes[part.target])
        for floats in step.floats:
            conv.add_stream(
                floats.scale,
                self.at(floats.target),
                self.row(floats.target),
                activation=floats.activation,
                parameters=floats.parameters,
                accumulate=floats.adds,
                readers=[self._reader(pack) for pack in floats.packs],
            )
        conv.write()

    def _reader(self, pack: kinds.Pack) -> int:
        planes = self.planes[pack.target]
        return tape.add_reader(self.builder, pack.cut.threshold, pack.cut.flip, planes, pack.first)

    @_write.register
    def _(self, step: kinds.Pack) -> None:
        tape.add_pack(self.builder, self.rows(step.source), [self._reader(step)])

    @_write.register
    def _(self, step: kinds.PoolBits) -> None:
        source, target = self.planes[step.source], self.planes[step.target]
        tape.add_pool_bits(self.builder, source, target, step.falls, step.window)

    @_write.register
    def _(self, step: kinds.Unpack) -> None:
        tape.add_unpack(self.builder, self.planes[step.source], self.rows(step.writes[0]))

    @_write.register
    def _(self, step: kinds.Fill) -> None:
        self._elementwise(tape.Float.FILL, step)

    @_write.register
    def _(self, step: kinds.Copy) -> None:
        self._elementwise(tape.Float.COPY, step)

    @_write.register
    def _(self, step: kinds.AddTo) -> None:
        self._elementwise(tape.Float.ADD, step)

    @_write.register
    def _(self, step: kinds.Scale) -> None:
        affine = step.affine
        self._elementwise(tape.Float.AFFINE, step, affine.multiplier, affine.offset)

    @_write.register
    def _(self, step: kinds.ReLU) -> None:
        self._elementwise(tape.Float.RELU, step)

    @_write.register
    def _(self, step: kinds.RPReLU) -> None:
        parameters = (step.shift_in, step.slope, step.shift_out)
        self._elementwise(tape.Float.RPRELU, step, *parameters)

    @_write.register
    def _(self, step: kinds.GlobalAvgPool) -> None:
        self._elementwise(tape.Float.MEAN, step)

    def _elementwise(
        self, operation: tape.Float, step: kinds.FloatStep, *parameters: np.ndarray
    ) -> None:
        target = self.rows(step.writes[0])
        source = self.rows(step.reads[0]) if step.reads else target
        tape.add_float(self.builder, operation, source, target, *parameters)

    @_write.register
    def _(self, step: kinds.RealConv) -> None:
        source, target = step.reads[0], step.writes[0]
        sizes = (self.shapes[source.buffer][1:], self.shapes[target.buffer][1:])
        tape.add_real_conv(
            self.builder,
            self.rows(source),
            self.rows(target),
            (step.folded_weight(), step.bias),
            sizes,
            step.window,
            relu=step.relu,
        )

    @_write.register
    def _(self, step: kinds.MaxPool) -> None:
        self._pool(step, step.window, True)

    @_write.register
    def _(self, step: kinds.AvgPool) -> None:
        self._pool(step, step.window, False)

    def _pool(self, step: kinds.FloatStep, window: tape.Window, is_max: bool) -> None:
        source, target = step.reads[0], step.writes[0]
        sizes = (self.shapes[source.buffer][1:], self.shapes[target.buffer][1:])
        rows = self.rows(source), self.rows(target)
        tape.add_pool(self.builder, *rows, sizes, window, is_max=is_max)

    @_write.register
    def _(self, step: kinds.Linear) -> None:
        source, target = self.rows(step.reads[0]), self.rows(step.writes[0])
        tape.add_linear(self.builder, source, target, step.weight, step.bias)
