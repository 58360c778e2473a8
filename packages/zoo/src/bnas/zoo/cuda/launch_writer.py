"""Steps as launches: every step becomes kernels of `bnas.binops.cuda` on two arenas."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from bnas.binops.cuda import float_kernels, linear_kernel, pooling_kernels
from bnas.binops.cuda.conv_outputs import ConvArrays, ConvPlaces, FloatThreshold
from bnas.binops.cuda.float_kernels import Elementwise
from bnas.binops.cuda.float_pack_kernel import FloatReader, pack_all
from bnas.binops.cuda.graph import Queued
from bnas.binops.cuda.pooling_kernels import PoolSizes
from bnas.zoo.cuda.arenas import ArenaPlan
from bnas.zoo.cuda.device_weights import DeviceWeights
from bnas.zoo.program import steps as kinds
from bnas.zoo.program.steps import Place, Step


@frozen(eq=False)
class Arrays:
    """What a run works in: device arrays of one axis.

    Attributes:
        images: float32, (N, C, H, W) in C order.
        floats: float32, the arena of values.
        words: uint32, the arena of bits.
    """

    images: Any
    floats: Any
    words: Any


@define
class LaunchWriter:
    """Writes launches for a number of images.

    Attributes:
        plan: Where values and bits lie.
        weights: What is on the device already.
        arrays: What launches work in.
        images: Number of images.
        launches: What is written so far.
    """

    plan: ArenaPlan
    weights: DeviceWeights
    arrays: Arrays
    images: int
    launches: list[Queued] = field(factory=list)

    def write(self, steps: Sequence[Step]) -> tuple[int, ...]:
        """Write steps.

        Returns:
            For each number of them, how many launches have then run at least.
        """
        ends = [len(self.launches)]
        done = 0
        for index in range(len(steps)):
            if index >= done:
                done = index + self._write_from(steps, index)
            ends.append(len(self.launches))
        return tuple(ends)

    def _write_from(self, steps: Sequence[Step], index: int) -> int:
        """Write a step, and those behind it that one launch does too; return how many."""
        step = steps[index]
        if isinstance(step, kinds.Pack):
            packs = _together(steps[index:])
            self._pack(packs)
            return len(packs)
        if isinstance(step, kinds.AddTo):
            packs = _together(steps[index + 1 :])
            if packs and packs[0].source == step.writes[0]:
                self._pack(packs, addend=step.reads[0])
                return 1 + len(packs)
        self._write(step)
        return 1

    def _pack(self, packs: Sequence[kinds.Pack], addend: Place | None = None) -> None:
        """Write comparisons of one place; before these, what is added to it."""
        readers = [
            FloatReader(
                FloatThreshold(pack.cut.threshold, pack.cut.flip),
                self._bits(pack.target),
                self.plan.shapes[pack.target][0],
                pack.first,
            )
            for pack in packs
        ]
        source = packs[0].source
        arrays = self.arrays.floats, self.arrays.words
        pixels = self.plan.pixels(source.buffer, self.images)
        added = None if addend is None else self._floats(addend)
        self.launches.append(pack_all(arrays, self._floats(source), readers, pixels, added))

    def _floats(self, place: Place) -> Any:
        return self.plan.float_place(place, self.images)

    def _bits(self, name: str, first: int = 0) -> Any:
        return self.plan.word_place(name, self.images, first)

    def _sizes(self, source: str, target: str, window: tuple[int, int, int, int]) -> PoolSizes:
        shapes = self.plan.shapes
        kernel, stride, padding, dilation = window  # A plain tuple: Numba types a named one apart.
        plain = (kernel, stride, padding, dilation)
        return PoolSizes(self.images, shapes[source][1:], shapes[target][1:], plain)

    @functools.singledispatchmethod
    def _write(self, step: Step) -> None:
        raise TypeError(f"no launch for {type(step).__name__}")

    @_write.register
    def _(self, step: kinds.Load) -> None:
        place = step.writes[0]
        channels, height, width = self.plan.shapes[place.buffer]
        shape = (self.images, channels, height * width)
        launch = float_kernels.load(
            self.arrays.images, self.arrays.floats, self._floats(place), shape
        )
        self.launches.append(launch)

    @_write.register
    def _(self, step: kinds.BinaryConv) -> None:
        arrays = ConvArrays(self.arrays.words, self.arrays.words, self.arrays.floats)
        source = self._bits(step.source).at
        bits = tuple(self._bits(part.target) for part in step.bits)
        for index, conv in enumerate(self.weights.binary(step)):
            part = step.floats[index] if step.floats else None
            packs = part.packs if part is not None else ()
            places = ConvPlaces(
                source=source,
                bits=() if index else bits,
                floats=self._floats(part.target) if part is not None else None,
                packs=tuple(self._bits(pack.target, pack.first // 32) for pack in packs),
            )
            self.launches.append(conv.bind(self.images, arrays, places))

    @_write.register
    def _(self, step: kinds.PoolBits) -> None:
        sizes = self._sizes(step.source, step.target, step.window)
        places = self._bits(step.source), self._bits(step.target)
        self.launches.append(
            pooling_kernels.pool_bits(self.arrays.words, *places, sizes, step.falls)
        )

    @_write.register
    def _(self, step: kinds.Unpack) -> None:
        target = step.writes[0]
        arrays = self.arrays.words, self.arrays.floats
        places = self._bits(step.source), self._floats(target)
        self.launches.append(float_kernels.unpack(arrays, *places, self._values(target)))

    @_write.register
    def _(self, step: kinds.Fill) -> None:
        self._elementwise(step, Elementwise("fill"))

    @_write.register
    def _(self, step: kinds.Copy) -> None:
        self._elementwise(step, Elementwise("copy"))

    @_write.register
    def _(self, step: kinds.AddTo) -> None:
        self._elementwise(step, Elementwise("add"))

    @_write.register
    def _(self, step: kinds.Scale) -> None:
        affine = step.affine
        self._elementwise(step, Elementwise("affine", (affine.multiplier, affine.offset)))

    @_write.register
    def _(self, step: kinds.ReLU) -> None:
        self._elementwise(step, Elementwise("relu"))

    @_write.register
    def _(self, step: kinds.RPReLU) -> None:
        parameters = (step.shift_in, step.slope, step.shift_out)
        self._elementwise(step, Elementwise("rprelu", parameters))

    def _elementwise(self, step: kinds.FloatStep, function: Elementwise) -> None:
        target = step.writes[0]
        source = step.reads[0] if step.reads else target
        places = self._floats(source), self._floats(target)
        self.launches.append(
            float_kernels.elementwise(self.arrays.floats, function, *places, self._values(target))
        )

    def _values(self, place: Place) -> tuple[int, int]:
        """Pixels and channels of a place."""
        return self.plan.pixels(place.buffer, self.images), place.stop - place.start

    @_write.register
    def _(self, step: kinds.MaxPool) -> None:
        self._pool(step, step.window, is_max=True)

    @_write.register
    def _(self, step: kinds.AvgPool) -> None:
        self._pool(step, step.window, is_max=False)

    def _pool(
        self, step: kinds.FloatStep, window: tuple[int, int, int, int], *, is_max: bool
    ) -> None:
        source, target = step.reads[0], step.writes[0]
        sizes = self._sizes(source.buffer, target.buffer, window)
        places = self._floats(source), self._floats(target)
        channels = target.stop - target.start
        self.launches.append(
            pooling_kernels.pool(self.arrays.floats, *places, sizes, channels, is_max=is_max)
        )

    @_write.register
    def _(self, step: kinds.GlobalAvgPool) -> None:
        source, target = step.reads[0], step.writes[0]
        shape = (self.images, self.plan.pixels(source.buffer, 1), target.stop - target.start)
        places = self._floats(source), self._floats(target)
        self.launches.append(pooling_kernels.mean(self.arrays.floats, *places, shape))

    @_write.register
    def _(self, step: kinds.RealConv) -> None:
        source, target = step.reads[0], step.writes[0]
        sizes = self._sizes(source.buffer, target.buffer, step.window)
        places = self._floats(source), self._floats(target)
        self.launches.append(self.weights.real(step).bind(self.arrays.floats, *places, sizes))

    @_write.register
    def _(self, step: kinds.Linear) -> None:
        places = self._floats(step.reads[0]), self._floats(step.writes[0])
        parameters = (step.weight, step.bias)
        self.launches.append(
            linear_kernel.linear(self.arrays.floats, parameters, *places, self.images)
        )


def _together(steps: Sequence[Step]) -> list[kinds.Pack]:
    """Return the first steps, as far as they compare the same channels for the same bits."""
    result: list[kinds.Pack] = []
    for step in steps:
        if not isinstance(step, kinds.Pack):
            break
        if result and (step.source, step.first) != (result[0].source, result[0].first):
            break
        result.append(step)
    return result
