"""`Constants`: arrays that stay where they are, in few pieces of memory."""

from __future__ import annotations

import ctypes

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bnas.binops.tape.buffers import buffer
from bnas.binops.tape.constants import Constants

_ARRAY = arrays.arrays(
    st.sampled_from([np.uint8, np.int16, np.int64, np.float32]),
    arrays.array_shapes(min_dims=0, min_side=0, max_side=40),
)


@given(st.lists(st.tuples(_ARRAY, st.sampled_from([1, 8, 64])), max_size=12))
def test_what_is_kept_can_be_read_at_its_address(kept: list[tuple[np.ndarray, int]]) -> None:
    constants = Constants()
    places = []
    for array, align in kept:
        written = array.T.copy(order="F")
        places.append(constants.keep(written, align))
        written[...] = 0  # It is a copy.
    for (array, align), place in zip(kept, places, strict=True):
        assert place % align == 0
        assert ctypes.string_at(place, array.nbytes) == array.T.tobytes()


def test_arrays_lie_in_order_and_in_few_pieces() -> None:
    constants = Constants()
    places = [constants.keep(np.zeros(10_000, np.uint8), 64) for _ in range(2000)]
    assert len(constants.pieces) < 15
    apart = np.diff(places)
    assert np.sum(apart == 10_048) == 2000 - len(constants.pieces)
    assert sum(len(piece) for piece in constants.pieces) < 2 * 20_000_000


def test_a_large_array_is_copied_only_if_it_has_to_be() -> None:
    constants = Constants()
    large = np.arange(1 << 18, dtype=np.int32).reshape(2, -1)
    assert constants.keep(large) == large.ctypes.data
    place = constants.keep(large.T)
    assert place != large.ctypes.data
    assert ctypes.string_at(place, large.nbytes) == large.T.tobytes()
    odd = np.zeros((1 << 20) + 16, np.uint8)[-large.ctypes.data % 16 + 1 :]
    assert constants.keep(odd, 64) % 64 == 0


def test_a_buffer_has_the_size_asked_for() -> None:
    for size in (0, 1, 1 << 20, (1 << 20) + 1, 5 << 20):
        assert (buffer(size).shape, buffer(size).dtype) == ((size,), np.uint8)
