"""Tapes work on addresses, which nothing checks but pages that nobody may touch.

The test runs this file as a script, since a step too far ends the process: every reservation of an
arena, every constant, and all input and output arrays of a few convolutions and packings lie right
before such a page.
"""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys

import numpy as np
import pytest

from bnas import binops
from bnas.binops import oracles, tape
from bnas.binops.table.isa import ISAS, Isa
from bnas.binops.tape.pointers import FIXED
from bnas.binops.tape.reservations import Reservations
from bnas.binops.tape.sliced_convolution import PackedBits, reads_packed

PAGE = mmap.PAGESIZE
#: What vectors may read beyond a reservation: `bnas.binops.tape.tape` keeps it free at the end.
SLACK = 256
WIDTHS = [name for name, found in binops.backends().items() if found and name in ISAS]
_protect = ctypes.CDLL(None, use_errno=True).mprotect
_protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def forbid(address: int) -> None:
    """Make a page unreadable."""
    assert _protect(address, PAGE, 0) == 0


def guarded(array: np.ndarray) -> np.ndarray:
    """Copy an array to where it ends at a forbidden page."""
    size = -(-max(1, array.nbytes) // PAGE) * PAGE
    memory = np.frombuffer(mmap.mmap(-1, size + PAGE), np.uint8)
    forbid(memory.ctypes.data + size)
    copy = memory[size - array.nbytes : size].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class GuardedReservations(Reservations):
    """Reservations that a page follows each; `holes` are the offsets of these."""

    def __init__(self, images: int) -> None:
        super().__init__(images)
        self.holes: list[int] = []

    def take(self, bytes_an_image: int, shared: bool, fill: int | None) -> tuple[int, int]:
        """Reserve a piece that ends, but for the slack, at a page of its own."""
        start = -(-self.size // PAGE) * PAGE
        offset, step = super().take(bytes_an_image, shared, fill)
        count = self.size - offset
        room = -(-(count + SLACK) // PAGE) * PAGE
        moved = start + room - count - SLACK
        if fill is not None:
            self.fills[-1] = (moved, count, fill)
        self.size = start + room + PAGE
        self.holes.append(start + room)
        return moved, step


class GuardedBuilder(tape.TapeBuilder):
    """A builder whose constants and arena are guarded."""

    def __init__(self, isa: Isa, images: int = 1) -> None:
        super().__init__(isa, images)
        self._memory = GuardedReservations(images)
        self._guarded: list[np.ndarray] = []

    def constant(self, array: np.ndarray, align: int = 1) -> tape.Pointer:
        """Keep a guarded copy: its end is that of a page, so what is aligned is whole vectors."""
        self._guarded.append(guarded(np.asarray(array)) if array.size else array)
        place = self._guarded[-1].ctypes.data
        assert place % align == 0
        return tape.Pointer(FIXED, place)

    def run(self, arrays: list[np.ndarray], images: int) -> None:
        """Run the tape on arrays as ports, every byte of whose arena is 0xFF at first."""
        built = self.build()
        memory = np.frombuffer(mmap.mmap(-1, built.arena_bytes + PAGE), np.uint8)
        memory[:] = 0xFF
        for offset, count, value in self._memory.fills:
            memory[offset : offset + count] = value
        for hole in self._memory.holes:  # type: ignore[attr-defined]
            forbid(memory.ctypes.data + hole)
        ports = [(array.ctypes.data, array.strides[0]) for array in arrays]
        built.run(memory[None], np.array(ports, np.int64), images)


#: Shape of the input, outputs, (height, width) each of kernel, stride, padding and dilation.
CONVOLUTIONS = [
    ((2, 8, 1, 1), 4, (1, 3), (1, 1), (0, 1), (1, 1)),
    ((5, 5, 7, 9), 9, (3, 3), (1, 1), (1, 1), (1, 1)),
    ((1, 3, 3, 127), 5, (3, 3), (1, 1), (1, 1), (1, 1)),
    ((2, 12, 8, 8), 7, (3, 3), (2, 2), (1, 1), (1, 1)),
    ((1, 4, 5, 9), 4, (3, 3), (1, 1), (3, 70), (1, 1)),
    ((1, 4, 40, 65), 5, (3, 3), (1, 1), (30, 30), (30, 30)),
    ((1, 4, 9, 130), 5, (1, 5), (1, 1), (0, 64), (1, 32)),
    ((3, 4, 7, 65), 5, (3, 3), (3, 3), (1, 1), (1, 1)),
    ((6, 70, 1, 1), 8, (1, 1), (1, 1), (0, 0), (1, 1)),
    ((2, 9, 1, 64), 33, (1, 3), (1, 1), (0, 1), (1, 1)),
    ((2, 17, 65, 1), 34, (3, 1), (1, 1), (1, 0), (1, 1)),
    ((2, 8, 1, 63), 3, (1, 1), (1, 1), (0, 0), (1, 1)),
    ((1, 2, 4, 4), 9, (2, 2), (1, 1), (1, 1), (2, 2)),
    ((1, 3, 2, 2), 5, (9, 9), (1, 1), (4, 4), (1, 1)),
    ((1, 1, 3, 43), 1, (3, 3), (1, 1), (40, 40), (40, 40)),
    ((1, 5, 1, 5), 2, (3, 3), (1, 1), (700, 700), (700, 700)),
    ((1, 460, 3, 3), 41, (3, 3), (1, 1), (1, 1), (1, 1)),
    ((1, 3500, 1, 2), 9, (3, 3), (1, 1), (1, 1), (1, 1)),
]

#: Shape of the input, outputs, how taps lie.
REAL_CONVOLUTIONS = [
    ((1, 1, 1), 1, tape.Window(1, 1, 0, 1)),
    ((5, 8, 8), 8, tape.Window(1, 1, 0, 1)),
    ((3, 7, 7), 9, tape.Window(1, 1, 0, 1)),
    ((3, 32, 32), 8, tape.Window(3, 1, 1, 1)),
    ((3, 64, 64), 8, tape.Window(3, 2, 1, 1)),
    ((3, 63, 65), 5, tape.Window(7, 2, 3, 1)),
    ((4, 16, 16), 8, tape.Window(2, 2, 0, 1)),
    ((2, 9, 130), 8, tape.Window(3, 3, 70, 2)),
    ((2, 190, 191), 5, tape.Window(3, 1, 1, 1)),
]


def sources(isa: Isa, geometry: tape.ConvGeometry) -> list[tape.PlaneLayout | None]:
    """Planes that a convolution may read, and None for packed bits where it reads those."""
    packed = [None] if reads_packed(isa, geometry) else []
    return [tape.layout_for(geometry), tape.planes_read(isa, geometry), *packed]


def convolve(isa: Isa, case: tuple[tuple[int, ...], ...]) -> None:
    """Convolve bits to counts, to bits, and to both."""
    shape, outputs, kernel, stride, padding, dilation = case
    rng = np.random.default_rng(0)
    x = rng.choice(np.array([-1, 1], np.float32), shape)
    w = rng.choice(np.array([-1, 1], np.float32), (outputs, shape[1], *kernel))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    expected = oracles.conv2d(x, w, **options)
    geometry = tape.conv_geometry(shape[1:], w.shape, stride, padding, dilation, 1)
    bits, weights = (guarded(binops.pack(part, axis=1).data) for part in (x, w))
    pixels = expected[0, 0].size
    zeros = np.zeros(expected.shape[1], np.int32)
    wanted = np.packbits(expected >= 0, axis=1, bitorder="little").reshape(len(x), -1, pixels)
    source = tape.Pointer(tape.PORT, 0, bits.strides[0])
    for layout in sources(isa, geometry):
        for sinks in ("counts", "bits", "counts and bits"):
            counts = guarded(np.zeros(expected.shape, np.int32))
            signs = guarded(np.zeros_like(wanted))
            # Vectors of several images where an image is at most one.
            builder = GuardedBuilder(isa, 5 if pixels <= isa.lanes else 1)
            planes: tape.PlaneSet | PackedBits = PackedBits(source)
            if layout is not None:
                planes = tape.add_planes(builder, layout)
                tape.add_stage(builder, source, planes, 1)
            writer = tape.ConvWriter(builder, geometry, weights, planes)
            if "counts" in sinks:
                target = tape.Pointer(tape.PORT + 1, 0, counts.strides[0])
                writer.add_counts(target, 4 * pixels)
            if "bits" in sinks:
                target = tape.Pointer(tape.PORT + 2, 0, signs.strides[0])
                writer.add_bits(zeros, zeros > 0, target, pixels)
            writer.write()
            builder.run([bits, counts, signs], len(x))
            np.testing.assert_array_equal(counts, expected if "counts" in sinks else 0)
            np.testing.assert_array_equal(signs, wanted if "bits" in sinks else 0)


def pack(isa: object, channels: int) -> None:
    """Compare rows, the last of which end the memory that they lie in."""
    values = guarded(np.random.default_rng(0).standard_normal((1, channels, 1, 2000), np.float32))
    signs = guarded(np.zeros(values.shape, np.float32))
    builder = GuardedBuilder(isa)
    row = 4 * builder.row_floats(2000)
    rows = tape.Rows(builder.reserve(channels * row), row, channels, 2000)
    ports = [tape.Rows(tape.Pointer(tape.PORT + i, 0), 8000, channels, 2000) for i in (0, 1)]
    tape.add_float(builder, tape.Float.COPY, ports[0], rows)
    layout = tape.PlaneLayout((1, 2000), 2000, (1, 1), (-64, 0, 64), 0, 0, -(-channels // 4))
    planes = tape.add_planes(builder, layout)
    zeros = np.zeros(channels, np.float32)
    tape.add_pack(builder, rows, [tape.add_reader(builder, zeros, zeros > 0, planes)])
    tape.add_unpack(builder, planes, ports[1])
    builder.run([values, signs], 1)
    np.testing.assert_array_equal(signs, np.where(values >= 0, 1, -1))


def convolve_floats(isa: object, case: tuple[tuple[int, int, int], int, tape.Window]) -> None:
    """Convolve rows whose ends are the memory's; ones and zeros, so that sums are exact."""
    (channels, height, width), outputs, window = case
    rng = np.random.default_rng(0)
    reach = window.dilation * (window.kernel - 1) + 1
    size = [(n + 2 * window.padding - reach) // window.stride + 1 for n in (height, width)]
    values = guarded(rng.integers(0, 2, (2, channels, height, width)).astype(np.float32))
    weight = rng.integers(0, 2, (outputs, channels, window.kernel, window.kernel))
    result = guarded(np.zeros((2, outputs, *size), np.float32))
    builder = GuardedBuilder(isa)
    rows = []
    for port, array in enumerate((values, result)):
        count, length = array.shape[1], array[0, 0].size
        row = 4 * builder.row_floats(length)
        here = tape.Rows(builder.reserve(count * row), row, count, length)
        there = tape.Pointer(tape.PORT + port, 0, array.strides[0])
        rows.append((here, tape.Rows(there, 4 * length, count, length)))
    (source, given), (target, wanted) = rows
    tape.add_float(builder, tape.Float.COPY, given, source)
    flat = weight.astype(np.float32).reshape(1, outputs, -1)
    sizes = ((height, width), (size[0], size[1]))
    tape.add_real_conv(builder, source, target, (flat, None), sizes, window)
    tape.add_float(builder, tape.Float.COPY, target, wanted)
    builder.run([values, result], 2)
    border = ((0, 0), (0, 0), *[(window.padding, window.padding)] * 2)
    seen = np.lib.stride_tricks.sliding_window_view(np.pad(values, border), (reach, reach), (2, 3))
    seen = seen[:, :, :: window.stride, :: window.stride, :: window.dilation, :: window.dilation]
    np.testing.assert_array_equal(result, np.einsum("nchwyx,ocyx->nohw", seen, weight))


@pytest.mark.parametrize("name", WIDTHS)
def test_nothing_beyond_its_memory_is_touched(name: str) -> None:
    command = [sys.executable, "-X", "faulthandler", __file__, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing beyond was touched" in done.stdout


if __name__ == "__main__":
    chosen = ISAS[sys.argv[1]]
    for convolution in CONVOLUTIONS:
        convolve(chosen, convolution)
    for count in (1, 2, 3, 6):
        pack(chosen, count)
    for real_convolution in REAL_CONVOLUTIONS:
        convolve_floats(chosen, real_convolution)
    print("nothing beyond was touched")
