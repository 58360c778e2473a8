"""Where the taps of a real convolution find what they see, and tiles of every width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.binops.table.fma import block_of
from bnas.binops.table.isa import GENERIC, ISAS
from bnas.binops.tape import Window
from bnas.binops.tape.real_convolution import TapPlanes

windows = st.builds(Window, *[st.integers(1, 7), st.integers(1, 4)], st.just(0), st.integers(1, 3))


@given(windows, st.integers(0, 3), st.integers(1, 5), st.integers(1, 40), st.integers(1, 3))
def test_an_offset_leads_every_tap_to_the_rows_that_it_sees(
    window: Window, padding: int, height: int, width: int, channels: int
) -> None:
    window = window._replace(padding=padding)
    planes = TapPlanes.of(window, height, width)
    offsets = planes.offsets(channels, width).reshape(channels, window.kernel, window.kernel)
    rows: list[int] = []
    for start, count, top in planes.parts:
        assert start == len(rows)
        rows += range(top, top + count * window.stride, window.stride)
    for (channel, y, x), offset in np.ndenumerate(offsets):
        plane, place = divmod(offset, 4 * planes.floats)
        assert plane == channel * window.kernel + x
        first = place // (4 * width)
        assert place == 4 * width * first
        shown = [row * window.stride + y * window.dilation - padding for row in range(height)]
        assert rows[first : first + height] == shown


@given(windows, st.integers(1, 9), st.integers(1, 70))
def test_planes_are_odd_numbers_of_lines_with_room_for_a_vector(
    window: Window, height: int, width: int
) -> None:
    planes = TapPlanes.of(window, height, width)
    assert planes.floats % 32 == 16
    start, rows, _ = planes.parts[-1]
    assert planes.floats >= (start + rows) * width + 16


@given(windows, st.integers(0, 9), st.integers(1, 40))
def test_taps_of_these_outputs_lie_inside(window: Window, padding: int, width: int) -> None:
    window = window._replace(padding=padding)
    reach = window.dilation * (window.kernel - 1) + 1
    out_width = max(1, (width + 2 * padding - reach) // window.stride + 1)
    for tap, (first, after) in enumerate(window.inside(width, out_width)):
        columns = [x * window.stride + tap * window.dilation - padding for x in range(out_width)]
        inside = [x for x, column in enumerate(columns) if 0 <= column < width]
        assert inside == list(range(first, after))


@pytest.mark.parametrize("isa", [*ISAS.values(), GENERIC], ids=lambda isa: isa.name)
def test_sums_of_a_block_fit_the_registers(isa) -> None:
    block = block_of(isa)
    registers = 32 if isa.lanes == 64 else 16
    for vectors, tail in block.widths(isa.lanes // 4).values():
        # Beside the sums: a vector of every column, and one weight or more.
        assert block.rows * vectors + vectors + 3 * tail + isa.fuses <= registers


@pytest.mark.parametrize("isa", ISAS.values(), ids=lambda isa: isa.name)
def test_a_tile_is_whole_vectors_and_perhaps_a_pixel(isa) -> None:
    vector = isa.lanes // 4
    for columns, (vectors, tail) in block_of(isa).widths(vector).items():
        assert columns == vectors * vector + tail
