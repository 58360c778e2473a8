"""`Workbench`: one operation of a tape between NumPy arrays, on every instruction set."""

from __future__ import annotations

import numpy as np
import pytest

from bnas import binops
from bnas.binops import tape
from bnas.binops.table.isa import GENERIC, ISAS, Isa

RUNNABLE = [ISAS[name] for name, found in binops.backends().items() if found and name in ISAS]


class Workbench:
    """A tape that copies arrays in, runs what a test writes, and copies results out.

    Args:
        isa: The instruction set.
        images: Images of a run.
        together: Images that the arena holds.
    """

    def __init__(self, isa: Isa, images: int, together: int = 2) -> None:
        self.builder = tape.TapeBuilder(isa, together)
        self.images = images
        self._arrays: list[np.ndarray] = []

    def port(self, array: np.ndarray) -> tape.Pointer:
        """Hand an array over to the tape."""
        self._arrays.append(array)
        return tape.Pointer(tape.PORT + len(self._arrays) - 1, 0, array.strides[0])

    def port_rows(self, array: np.ndarray) -> tape.Rows:
        """The rows of an array (N, C, H, W)."""
        length = array.shape[2] * array.shape[3]
        return tape.Rows(self.port(array), 4 * length, array.shape[1], length)

    def rows(self, shape: tuple[int, int, int]) -> tape.Rows:
        """Rows in the arena for (C, H, W), full of NaN."""
        channels, height, width = shape
        row = 4 * self.builder.row_floats(height * width)
        at = self.builder.reserve(channels * row, fill=0xFF)
        return tape.Rows(at, row, channels, height * width)

    def load(self, values: np.ndarray) -> tape.Rows:
        """Copy float32 (N, C, H, W) into the arena."""
        target = self.rows(values.shape[1:])
        source = self.port_rows(np.ascontiguousarray(values, np.float32))
        tape.add_float(self.builder, tape.Float.COPY, source, target)
        return target

    def plain_planes(
        self, shape: tuple[int, int, int], columns: tuple[int, ...] = (0,), border: int = 0
    ) -> tape.PlaneSet:
        """Planes for the bits of (C, H, W), with rows of padding above and below."""
        layout = tape.PlaneLayout(
            in_size=shape[1:],
            width=shape[2],
            stride=(1, 1),
            columns=columns,
            top=border,
            bottom=border,
            groups=-(-shape[0] // tape.GROUP),
        )
        return tape.add_planes(self.builder, layout)

    def stage(self, bits: np.ndarray, planes: tape.PlaneSet, groups: int = 1) -> None:
        """Copy bool (N, C, H, W) into planes; every group of channels begins at a byte."""
        parts = np.split(bits, groups, axis=1)
        packed = np.concatenate([np.packbits(p, axis=1, bitorder="little") for p in parts], axis=1)
        tape.add_stage(self.builder, self.port(np.ascontiguousarray(packed)), planes, groups)

    def floats(self, source: tape.Rows, size: tuple[int, int]) -> np.ndarray:
        """Copy rows out, to float32 (N, C, H, W) that the run fills."""
        result = np.full((self.images, source.channels, *size), np.nan, np.float32)
        tape.add_float(self.builder, tape.Float.COPY, source, self.port_rows(result))
        return result

    def signs(self, planes: tape.PlaneSet, channels: int) -> np.ndarray:
        """Unpack planes, to float32 ±1 (N, C, H, W) that the run fills."""
        size = planes.layout.in_size
        result = np.full((self.images, channels, *size), np.nan, np.float32)
        tape.add_unpack(self.builder, planes, self.port_rows(result))
        return result

    def run(self, threads: int = 1, blocks: int = 1) -> None:
        """Run the tape on all images, on as many lanes as threads."""
        built = self.builder.build()
        ports = [(array.ctypes.data, array.strides[0]) for array in self._arrays]
        arena = built.arena(threads)
        built.run(
            arena, np.array(ports, np.int64).reshape(-1, 2), self.images, threads, blocks=blocks
        )


@pytest.fixture(params=[*RUNNABLE, GENERIC], ids=lambda isa: isa.name)
def isa(request: pytest.FixtureRequest) -> Isa:
    """Every instruction set that this machine can run."""
    found: Isa = request.param
    return found


@pytest.fixture
def workbench() -> type[Workbench]:
    """Make a `Workbench`."""
    return Workbench
