"""Write convolutions with real weights to a tape."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import numpy as np

from bnas.binops.table.fma import block_of
from bnas.binops.tape.builder import TapeBuilder
from bnas.binops.tape.operations import Rows
from bnas.binops.tape.pointers import NOWHERE
from bnas.binops.tape.records import Kind
from bnas.binops.tape.window import Window

#: Bytes of planes that are multiplied together: they stay in the second-level cache. Measured on a
#: Zen 5 with 1 MiB of it: with half of this, 536 us instead of 513 for 32 channels of 112x112 to 64
#: of 56x56, and 373 instead of 343 for 288 of 16x16 to 576, whose weights are then read twice.
PLANES_BYTES = 512 * 1024
#: Values behind a row that copies by vectors may write.
_SPARE = 16
#: Values of a cache line.
_LINE = 16


@attrs.frozen
class TapPlanes:
    """Where `bnas.binops.tape.gather_kernel` puts what the taps see.

    A part of a plane shows rows of the image that lie a stride apart.

    Args:
        parts: First row in the plane; rows; row of the image that the first one shows, from the
            row that the outputs begin at.
        starts: Vertical tap -> the plane's row that the first output sees through it.
        floats: Values from plane to plane: an odd number of cache lines, so that they do not meet
            in one set of the cache.
    """

    parts: tuple[tuple[int, int, int], ...]
    starts: tuple[int, ...]
    floats: int

    @classmethod
    def of(cls, window: Window, height: int, width: int) -> TapPlanes:
        """The planes for some rows of outputs.

        Args:
            window: How taps lie.
            height: Rows of outputs.
            width: Pixels of a row.
        """
        places = [divmod(tap * window.dilation, window.stride) for tap in range(window.kernel)]
        parts: list[tuple[int, int, int]] = []
        starts = [0] * window.kernel
        begin = 0
        for phase in sorted({phase for _, phase in places}):
            taps = [tap for tap, place in enumerate(places) if place[1] == phase]
            first, last = places[taps[0]][0], places[taps[-1]][0]
            for tap in taps:
                starts[tap] = begin + places[tap][0] - first
            rows = last - first + height
            parts.append((begin, rows, first * window.stride + phase - window.padding))
            begin += rows
        lines = -(-(begin * width + _SPARE) // _LINE)
        return cls(tuple(parts), tuple(starts), _LINE * (lines | 1))

    def offsets(self, channels: int, width: int) -> np.ndarray:
        """Bytes from the first plane to what every tap shows the first output.

        Args:
            channels: Channels of a group.
            width: Pixels of a row of outputs.

        Returns:
            int64 (channels * kernel * kernel,), in the order of the weights.
        """
        taps = len(self.starts)
        places = np.arange(channels * taps, dtype=np.int64).reshape(-1, 1, taps)
        offsets: np.ndarray = self.floats * places + width * np.array(self.starts)[:, None]
        return 4 * offsets.reshape(-1)


def add_real_conv(
    builder: TapeBuilder,
    source: Rows,
    target: Rows,
    parameters: tuple[np.ndarray, np.ndarray | None],
    sizes: tuple[tuple[int, int], tuple[int, int]],
    window: Window,
    *,
    relu: bool = False,
) -> None:
    """Write a convolution.

    Args:
        builder: The tape.
        source: What it reads.
        target: What it writes.
        parameters: Weights, float32 (groups, O / groups, I / groups * kernel * kernel), and biases,
            float32 (O,), or None.
        sizes: Height and width of the source and of the target.
        window: How taps lie.
        relu: Set what is not positive to 0.
    """
    (height, width), (out_height, out_width) = sizes
    weight, bias = parameters
    groups, outputs, depth = weight.shape
    block = block_of(builder.isa)
    taps = -(-depth // -(-depth // block.depth))
    weights, biases = _blocked(weight, bias, block.rows, taps)
    builder.op(
        Kind.REAL_CONV,
        "real_convs",
        **source.fields("source"),
        **target.fields("target"),
        weights_at=builder.constant(weights),
        bias_at=builder.constant(biases),
        unbounded_at=builder.constant(np.array([-np.inf], np.float32)),
        floor_at=builder.constant(np.array([0 if relu else -np.inf], np.float32)),
        groups=groups,
        in_channels=source.channels,
        out_channels=groups * outputs,
        depth=depth,
        height=height,
        width=width,
        out_height=out_height,
        out_width=out_width,
        **window._asdict(),
        block_rows=block.rows,
        block_vectors=block.vectors,
        block_depth=taps,
        tail_vectors=block.tail_vectors,
        tile_at=builder.scratch(4 * block.rows * builder.isa.lanes),
        **_gathered(builder, source, source.channels // groups, sizes, window),
    )


def _gathered(
    builder: TapeBuilder,
    source: Rows,
    channels: int,
    sizes: tuple[tuple[int, int], tuple[int, int]],
    window: Window,
) -> dict[str, object]:
    """The fields of a record that say where the pixels are: in planes of some rows of outputs."""
    (_, width), (out_height, out_width) = sizes
    if window.is_in_place():
        offsets = source.row * np.arange(channels, dtype=np.int64)
        unused = ("planes_at", "parts_at", "inside_at")
        return {
            **dict.fromkeys(unused, NOWHERE),
            "offsets_at": builder.constant(offsets),
            "rows_together": out_height,
            "parts": 0,
            "plane_bytes": 0,
        }

    def bytes_for(rows: int) -> int:
        return 4 * channels * window.kernel * TapPlanes.of(window, rows, out_width).floats

    together = _rows_together(out_height, out_width, builder.isa.lanes // 4, bytes_for)
    planes = TapPlanes.of(window, together, out_width)
    return {
        "planes_at": builder.scratch(bytes_for(together)),
        "parts_at": builder.constant(np.array(planes.parts, np.int64)),
        "inside_at": builder.constant(window.inside(width, out_width)),
        "offsets_at": builder.constant(planes.offsets(channels, out_width)),
        "rows_together": together,
        "parts": len(planes.parts),
        "plane_bytes": 4 * planes.floats,
    }


def _rows_together(height: int, width: int, step: int, bytes_for: Callable[[int], int]) -> int:
    """Rows of outputs that are gathered together.

    They begin at multiples of a vector: the last vector of a row may then hang over into the spare
    end of the channel, but never into the next one.

    Args:
        height: Rows of the output.
        width: Pixels of a row.
        step: Values of a vector.
        bytes_for: Number of rows -> bytes of their planes.
    """
    unit = step // math.gcd(step, width)
    fitting = [n for n in range(unit, height + unit, unit) if bytes_for(n) <= PLANES_BYTES]
    return min(height, max(fitting, default=unit))


def _blocked(
    weight: np.ndarray, bias: np.ndarray | None, rows: int, taps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Arrange parameters in the order in which they are read.

    Args:
        weight: float32 (groups, outputs, depth).
        bias: float32 (groups * outputs,), or None.
        rows: Output channels of a block.
        taps: Taps that are summed at a time.

    Returns:
        Weights, float32 (groups, blocks * depth * rows): some taps of every whole block, then the
        next taps; in the end all taps of the block that is not whole. Biases, float32
        (groups, blocks * rows).
    """
    groups, outputs, depth = weight.shape
    blocks, whole = -(-outputs // rows), outputs // rows
    padded = np.zeros((groups, blocks * rows, depth), np.float32)
    padded[:, :outputs] = weight
    by_block = padded.reshape(groups, blocks, rows, depth).transpose(0, 1, 3, 2)
    starts = range(0, depth, taps)
    parts = [by_block[:, :whole, start : start + taps] for start in starts]
    parts.append(by_block[:, whole:])
    biases = np.zeros((groups, blocks * rows), np.float32)
    if bias is not None:
        biases[:, :outputs] = bias.reshape(groups, outputs)
    return np.concatenate([part.reshape(groups, -1) for part in parts], 1), biases
