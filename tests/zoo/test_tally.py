from __future__ import annotations

from bnas.zoo.tally import Confused, Tally


def test_answers_are_counted_by_class_and_rank() -> None:
    tally = Tally()
    assert (tally.percent(tally.right), tally.confused(3)) == (0.0, [])
    for label, classes in (
        (2, [2, 0, 1, 3, 4, 5]),
        (2, [1, 0, 3, 4, 2, 5]),  # the fifth
        (2, [1, 0, 3, 4, 5, 2]),  # the sixth
        (2, [0, 1, 2, 3, 4, 5]),
        (0, [2, 1, 3, 4, 5, 0]),
    ):
        tally.add(label, classes)
    assert (tally.images, tally.right, tally.among_five) == (5, 1, 3)
    assert tally.percent(tally.right) == 20
    assert tally.pairs == {(2, 2): 1, (2, 1): 2, (2, 0): 1, (0, 2): 1}
    # The most frequent first; of equals the first classes.
    assert tally.confused(2) == [Confused(2, 1, 2, 50.0), Confused(0, 2, 1, 100.0)]
    assert [each.images for each in tally.confused(9)] == [2, 1, 1]


def test_up_to_five_classes_are_all_among_five() -> None:
    tally = Tally()
    tally.add(2, [0, 1, 2])
    assert (tally.right, tally.among_five) == (0, 1)
