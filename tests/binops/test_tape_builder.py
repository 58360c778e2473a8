"""Pointers, reservations and records: what a tape is made of before it runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.binops import tape
from bnas.binops.table.isa import GENERIC
from bnas.binops.tape.pointers import FIXED, SPACES, resolve
from bnas.binops.tape.records import TABLES, Kind
from bnas.binops.tape.reservations import Reservations


@given(st.integers(0, SPACES - 1), st.integers(0, 2**47), st.integers(0, 2**20))
def test_a_pointer_resolves_to_base_and_offset(space: int, offset: int, more: int) -> None:
    bases = np.arange(SPACES, dtype=np.int64) * 2**48
    pointer = tape.Pointer(space, offset).plus(more)
    assert resolve(bases, pointer.encoded()) == bases[space] + offset + more


def test_a_pointer_keeps_its_step_when_it_moves() -> None:
    assert tape.Pointer(tape.ARENA, 64, 128).plus(3) == tape.Pointer(tape.ARENA, 67, 128)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=8),
)
def test_reservations_are_cache_lines_that_do_not_overlap(
    images: int, pieces: list[tuple[int, bool]]
) -> None:
    memory = Reservations(images)
    end = memory.size
    for count, shared in pieces:
        offset, step = memory.take(count, shared, None)
        assert offset % 64 == step % 64 == 0
        assert offset >= end
        assert (step == 0) if shared else (step >= count)
        end = offset + (count if shared else images * step)
        assert memory.size >= end
    assert memory.fills == []


def test_an_arena_is_filled_where_that_was_asked_for() -> None:
    builder = tape.TapeBuilder(GENERIC, images=3)
    builder.reserve(100)
    first = builder.reserve(70, fill=7)
    second = builder.reserve(10, shared=True, fill=9)
    for lane in builder.build().arena(2):
        start = -lane.ctypes.data % 64
        assert (lane[start + first.offset :][: 3 * 128] == 7).all()
        assert (lane[start + second.offset :][:64] == 9).all()


_CONSTANT = tape.Pointer(FIXED, 1 << 40)


def _tape(images: int, pieces: list[tuple[int, bool]]) -> tape.Tape:
    """A tape that points into each of some pieces, to a constant and to a port."""
    builder = tape.TapeBuilder(GENERIC, images)
    for count, shared in pieces:
        piece = builder.reserve(count, shared=shared, fill=count % 256)
        for at in (piece, piece.plus(count // 2), _CONSTANT, tape.Pointer(2, 7)):
            rows = tape.Rows(at, 64, 1, 1)
            tape.add_float(builder, tape.Float.FILL, rows, rows)
    return builder.build()


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(1, 300), st.booleans()), max_size=6),
)
def test_a_tape_for_other_images_is_the_one_that_would_have_been_written_for_them(
    before: int, after: int, pieces: list[tuple[int, bool]]
) -> None:
    moved, written = _tape(before, pieces).for_images(after), _tape(after, pieces)
    assert moved.images == after
    assert moved.arena_bytes == written.arena_bytes
    assert moved._memory == written._memory
    for name, records in written._records.items():
        np.testing.assert_array_equal(moved._records[name], records)


def test_a_record_has_all_fields_and_no_others() -> None:
    builder = tape.TapeBuilder(GENERIC)
    with pytest.raises(AssertionError, match="index"):
        builder.record("ops", kind=0)
    with pytest.raises(AssertionError, match="colour"):
        builder.record("ops", kind=0, index=0, colour=1)


def test_records_are_numbered_by_type() -> None:
    builder = tape.TapeBuilder(GENERIC)
    assert [builder.record("ops", kind=0, index=0) for _ in range(2)] == [0, 1]
    assert len(builder) == 2
    assert len(builder.build()) == 2


def test_kinds_and_tables_are_in_one_order() -> None:
    """The number of a kind is the place of its records: `entries` counts on it."""
    for kind, table in zip(Kind, list(TABLES)[1:], strict=False):
        assert table.rstrip("s") == kind.name.lower().rstrip("s")
