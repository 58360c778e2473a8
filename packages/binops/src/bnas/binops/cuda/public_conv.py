"""A convolution of public bits on a GPU: what `bnas.binops.Conv2d` runs there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen

from bnas.binops.arrays import is_on_gpu
from bnas.binops.bits import BitTensor, byte_count
from bnas.binops.cuda.arrays import GpuArray, as_gpu_array, capability_of, using
from bnas.binops.cuda.conv_outputs import (
    ConvArrays,
    ConvOutputs,
    ConvPlaces,
    FloatOutput,
    PlanePlace,
    WordPlace,
)
from bnas.binops.cuda.conv_plan import PixelConv
from bnas.binops.cuda.conv_weights import words_of
from bnas.binops.cuda.regroup_kernels import to_pixel_words, to_public_bytes
from bnas.binops.cuda.transfers import as_contiguous
from bnas.binops.epilogues import Counts, Epilogue, Scale, Threshold
from bnas.binops.errors import DeviceError, DtypeError, EpilogueError, ShapeError
from bnas.binops.geometry import ConvGeometry
from bnas.binops.operands import as_bits
from bnas.binops.outputs import OutputPlan

#: Kernels count pixels, and words, in 32 bits.
_MOST_ELEMENTS = 2**31 - 1
#: The dtype of each kind of output.
_TYPES = {Counts: "int32", Threshold: "uint8", Scale: "float32"}


@frozen
class Pass:
    """Epilogues that one launch makes, by their places in the caller's order.

    Args:
        counts: The counts, if wanted.
        bits: All comparisons.
        floats: At most one of the scaled outputs.
    """

    counts: int | None
    bits: tuple[int, ...]
    floats: int | None


def passes_of(epilogues: Sequence[Epilogue]) -> tuple[Pass, ...]:
    """Deal epilogues out to launches: all to the first, but for a second scaled output and more."""
    places: dict[type[Epilogue], list[int]] = {kind: [] for kind in (Counts, Threshold, Scale)}
    for place, part in enumerate(epilogues):
        places[type(part)].append(place)
    counts = places[Counts][0] if places[Counts] else None
    scales = places[Scale]
    first = Pass(counts, tuple(places[Threshold]), scales[0] if scales else None)
    return (first, *(Pass(None, (), place) for place in scales[1:]))


class GpuConv2d:
    """What `bnas.binops.Conv2d` does with an input on a GPU.

    Args:
        geometry: The sizes.
        weight: uint8 (O, ceil(I / groups / 8), KH, KW), in host memory.
        outputs: The epilogues, and what the caller expects.
    """

    def __init__(self, geometry: ConvGeometry, weight: np.ndarray, outputs: OutputPlan) -> None:
        """Remember them."""
        self._geometry = geometry
        self._outputs = outputs
        self._conv = PublicConv(geometry, weight, outputs.epilogues)

    def __call__(self, x: Any, out: Any) -> Any:
        """Run the convolution on the GPU and on the stream of `x`.

        Args:
            x: As for `Conv2d`, on a GPU.
            out: As for `Conv2d`, on the same one.

        Returns:
            As `Conv2d` does; what is new is of the library of `x`.
        """
        bits = as_bits(x, "x", 4)
        expected = (self._geometry.in_channels, *self._geometry.in_size)
        if bits.shape[1:] != expected:
            raise ShapeError(
                f"`x` must have shape (N, {', '.join(map(str, expected))}) (got {bits.shape})",
                shape=bits.shape,
            )
        data = as_gpu_array(bits.data, "x")
        outputs = [
            self._output(part, given, data)
            for part, given in zip(
                self._outputs.epilogues, self._outputs.as_given(out), strict=True
            )
        ]
        if data.shape[0]:
            self._conv(data, outputs)
        channels = self._geometry.out_channels
        return self._outputs.finish(
            [
                BitTensor.from_kernel(made.owner, 1, channels)
                if isinstance(part, Threshold)
                else made.owner
                for part, made in zip(self._outputs.epilogues, outputs, strict=True)
            ]
        )

    def _output(self, part: Epilogue, given: Any, x: GpuArray) -> GpuArray:
        """Make the output of an epilogue, or check the given one."""
        channels, height, width = self._outputs.shape
        name, held = _TYPES[type(part)], channels
        if isinstance(part, Threshold):
            held = byte_count(channels)
        shape = (x.shape[0], held, height, width)
        if given is None:
            if isinstance(part, Scale) and part.accumulate:
                raise EpilogueError("`out` must be given where Scale has accumulate=True")
            return x.empty(shape, name)
        if isinstance(part, Threshold) != isinstance(given, BitTensor):
            raise DtypeError(
                f"`out` must be a BitTensor for Threshold alone (got {type(given).__name__})",
                got=type(given).__name__,
            )
        if not is_on_gpu(given.data if isinstance(given, BitTensor) else given):
            raise DeviceError("`out` must live on the GPU of `x` (got an array in host memory)")
        out = as_gpu_array(given.data if isinstance(given, BitTensor) else given, "out")
        if out.dtype != name or out.shape != shape:
            raise ShapeError(
                f"`out` must be {name} of shape {shape} (got {out.dtype} of {out.shape})",
                shape=out.shape,
                expected=shape,
            )
        if name == "uint8" and not out.is_contiguous:
            raise DtypeError(f"`out` must hold bits in C order (got steps {out.steps})")
        return out


class PublicConv:
    """A convolution on the GPU on which its input lives.

    Args:
        geometry: Its sizes.
        weight: uint8 (O, ceil(I / groups / 8), KH, KW), in host memory.
        epilogues: What is made of the counts, in the caller's order.
    """

    def __init__(
        self, geometry: ConvGeometry, weight: np.ndarray, epilogues: tuple[Epilogue, ...]
    ) -> None:
        """Remember them; weights go to a GPU at its first call."""
        self._geometry = geometry
        self._weight = weight
        self._epilogues = epilogues
        self._passes = passes_of(epilogues)
        self._convs: dict[int, tuple[PixelConv, ...]] = {}

    def __call__(self, x: GpuArray, outputs: Sequence[GpuArray]) -> None:
        """Queue the convolution on the stream of `x`.

        Args:
            x: uint8 (N, ceil(C / 8), H, W), public bits.
            outputs: One for each epilogue: int32 or float32 (N, O, OH, OW) of whole planes, or
                uint8 (N, ceil(O / 8), OH, OW) in C order.

        Raises:
            DeviceError: They live on several GPUs.
            DtypeError: An output does not hold whole planes.
        """
        names = {"x": x, **{f"out {place}": out for place, out in enumerate(outputs)}}
        with using(names) as stream:
            words = self._words(as_contiguous(x, stream), stream)
            for conv, part in zip(self._on(x), self._passes, strict=True):
                self._run(conv, part, x, words, outputs, stream)

    def _on(self, x: GpuArray) -> tuple[PixelConv, ...]:
        """The plans of the passes on the GPU of an array."""
        if x.device not in self._convs:
            self._convs[x.device] = tuple(
                PixelConv(self._geometry, self._weight, self._outputs(part), capability_of(x))
                for part in self._passes
            )
        return self._convs[x.device]

    def _outputs(self, part: Pass) -> ConvOutputs:
        """What a pass makes."""
        scaled = self._epilogues[part.floats] if part.floats is not None else None
        floats = None
        if isinstance(scaled, Scale):
            activation = "relu" if scaled.relu else "none"
            floats = FloatOutput(scaled.scale, activation, adds=scaled.accumulate)
        bits = [self._epilogues[place] for place in part.bits]
        return ConvOutputs(part.counts is not None, tuple(bits), floats)  # type: ignore[arg-type]

    def _words(self, x: GpuArray, stream: Any) -> Any:
        """The input as pixel words."""
        channels, pixels = self._geometry.in_channels, math.prod(self._geometry.in_size)
        words = _scratch(x, x.shape[0] * pixels * words_of(channels))
        to_pixel_words(x.memory("uint8"), x.shape[0], channels, pixels, words)(stream)
        return words

    def _run(
        self, conv: PixelConv, part: Pass, x: GpuArray, words: Any, outputs: Sequence[GpuArray],
        stream: Any,
    ) -> None:  # fmt: skip
        """Queue one pass, and turn its words into public bytes."""
        images, channels = x.shape[0], self._geometry.out_channels
        pixels, width = math.prod(self._geometry.out_size), words_of(channels)
        size = images * pixels * width
        size += -size % 4
        if max(images * pixels, len(part.bits) * size) > _MOST_ELEMENTS:
            raise ShapeError(
                f"`x` must make at most {_MOST_ELEMENTS:,} pixels, and words of bits, in one call "
                f"(got {images * pixels:,} and {len(part.bits) * size:,}); give it fewer images",
                images=images,
            )
        bits = _scratch(x, len(part.bits) * size)
        counts, floats = (
            None if place is None else outputs[place] for place in (part.counts, part.floats)
        )
        arrays = ConvArrays(
            words,
            bits=bits,
            floats=floats.memory(floats.dtype) if floats else None,
            counts=counts.memory(counts.dtype) if counts else None,
        )
        places = ConvPlaces(
            bits=tuple(WordPlace(size * index, width) for index in range(len(part.bits))),
            counts=self._planes(counts) if counts else None,
            floats=self._planes(floats) if floats else None,
        )
        conv.bind(images, arrays, places)(stream)
        for index, place in enumerate(part.bits):
            made = bits[size * index : size * (index + 1)]
            data = outputs[place].memory("uint8")
            to_public_bytes(made, images, channels, pixels, data)(stream)

    def _planes(self, out: GpuArray) -> PlanePlace:
        """Where an output lies; refuses one that cannot be written plane by plane."""
        image, channel, row, column = out.steps
        (_, channels, height, width) = out.shape
        is_whole = (column == 1 or width == 1) and (row == width or height == 1)
        if not is_whole and out.size:
            raise DtypeError(
                "`out` must hold whole planes (H, W in C order), as an array or a slice of its "
                f"images or channels does (got steps {out.steps} for shape {out.shape})",
                steps=out.steps,
            )
        first = out.start
        return PlanePlace(at=first, image=image, channel=channel if channels > 1 else 0)


def _scratch(x: GpuArray, words: int) -> Any:
    """Memory of a call, uint32: of the library of `x`, so that its allocator keeps it for later."""
    # Wide loads reach at most to the end of the last four words.
    return x.empty((words + 4,), "int32").memory("uint32")
