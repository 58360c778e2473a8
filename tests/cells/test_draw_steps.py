"""The steps of the layout of a drawing: ports, orders of rows, columns."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.cells.draw.columns import Extent, Pull, columns
from bnas.cells.draw.order import crossings, order_rows
from bnas.cells.draw.ports import spread
from bnas.cells.draw.style import BOX_GAP


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 9)), min_size=1, max_size=7),
    st.floats(0, 20),
)
def test_spread_keeps_the_gap_and_moves_no_more_than_it_must(
    wishes: list[tuple[float, float]], gap: float
) -> None:
    wanted, weights = [want for want, _ in wishes], [weight for _, weight in wishes]
    placed = spread(wanted, weights, gap)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(placed))
    if all(b - a >= gap for a, b in itertools.pairwise(wanted)):
        assert placed == pytest.approx(wanted)

    def cost(places: list[float]) -> float:
        return sum(w * (p - q) ** 2 for p, q, w in zip(places, wanted, weights, strict=True))

    for index in range(len(placed)):  # no block of them can move for the better
        for step in (-0.01, 0.01):
            for tail in (slice(index, None), slice(None, index + 1)):
                moved = list(placed)
                moved[tail] = [place + step for place in placed[tail]]
                if all(b - a >= gap for a, b in itertools.pairwise(moved)):
                    assert cost(moved) >= cost(placed) - 1e-6


@given(st.permutations(range(5)))
def test_crossings_are_inversions(order: list[int]) -> None:
    below, above = list("abcde"), [f"{place}" for place in order]
    links = [(low, f"{place}") for place, low in enumerate(below)]
    inversions = sum(a > b for a, b in itertools.combinations(order, 2))
    assert crossings(below, above, links) == inversions


@given(st.permutations("abcdefg"), st.permutations("ABCDEFG"))
def test_rows_that_need_no_crossing_get_none(low: list[str], high: list[str]) -> None:
    links = [(letter, letter.upper()) for letter in low]
    best = order_rows([low, high], links, frozenset({0}))
    assert best[0] == [low, [letter.upper() for letter in low]]


def test_columns_keep_apart_and_make_long_lines_straight() -> None:
    rows = [["a", "b"], ["a|1", "c"], ["a|2", "d"], ["e"]]
    extents = {name: Extent(20.0, 30.0) for row in rows for name in row}
    extents |= {name: Extent(0.0, 0.0, "a") for name in ("a|1", "a|2")}
    pairs = [("a", "a|1"), ("a|1", "a|2"), ("a|2", "e"), ("b", "c"), ("c", "d"), ("d", "e")]
    x = columns(rows, extents, [Pull(low, high) for low, high in pairs])
    assert x["a|1"] == x["a|2"] == x["a"]
    for left, right in [row for row in rows if len(row) == 2]:
        room = extents[left].right + BOX_GAP + extents[right].left
        assert x[right] - x[left] >= room - 1e-9


def test_long_lines_that_change_places_stay_apart() -> None:
    rows = [["a", "b"], ["a|1", "b|1"], ["b|2", "a|2"], ["c", "d"]]
    extents = {name: Extent(20.0, 20.0) for name in "abcd"}
    extents |= {name: Extent(0.0, 0.0, name[0]) for name in ("a|1", "a|2", "b|1", "b|2")}
    pairs = [("a", "a|1"), ("a|1", "a|2"), ("a|2", "d"), ("b", "b|1"), ("b|1", "b|2"), ("b|2", "c")]
    x = columns(rows, extents, [Pull(low, high) for low, high in pairs])
    for left, right in rows:
        assert x[right] - x[left] >= extents[left].right + BOX_GAP + extents[right].left - 1e-9
