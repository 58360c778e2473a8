"""A balanced part of an image set: as many images of each class, the same ones every time."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bnas import search


def numbered(*counts: int) -> search.ImageSet:
    """Make images of as many classes whose first pixels say which image it is."""
    total = sum(counts)
    images = torch.zeros(total, 3, 1, 1, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.arange(total)
    labels = torch.cat([torch.full((n,), label) for label, n in enumerate(counts)])
    return search.ImageSet(images, labels, tuple(f"class {label}" for label in range(len(counts))))


@given(
    counts=st.lists(st.integers(3, 12), min_size=1, max_size=6),
    seed=st.integers(0, 2**40),
    data=st.data(),
)
def test_every_class_is_as_frequent_as_every_other(
    counts: list[int], seed: int, data: st.DataObject
) -> None:
    images = numbered(*counts)
    count = data.draw(st.integers(1, min(counts) * len(counts)))
    found = search.take_balanced(images, count, seed)
    assert len(found) == count
    assert found.classes == images.classes
    frequency = torch.bincount(found.labels, minlength=len(counts))
    assert int(frequency.max() - frequency.min()) <= 1
    chosen = found.images[:, 0, 0, 0].long()
    assert len(set(chosen.tolist())) == count
    assert torch.equal(images.labels[chosen], found.labels)
    fewer = search.take_balanced(images, data.draw(st.integers(1, count)), seed)
    assert torch.equal(fewer.images, found.images[: len(fewer)])


def test_the_seed_chooses() -> None:
    images = numbered(50, 50)
    first, again, other = (search.take_balanced(images, 20, seed) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert set(first.images.flatten().tolist()) != set(other.images.flatten().tolist())


def test_a_class_with_one_image_more_may_have_it() -> None:
    images = numbered(2, 3)
    taken: list[object] = []
    for seed in range(9):
        try:
            taken.append(search.take_balanced(images, 5, seed).labels.bincount().tolist())
        except search.DataError:
            taken.append(None)
    assert [2, 3] in taken  # The seed lets class 1 have it,
    assert None in taken  # or class 0, which has too few.


@pytest.mark.parametrize(
    ("count", "seed", "message"),
    [
        (7, 0, "`count` must be at most 6 for classes of one size (got 7: "),
        (100, 0, "the class 'class 0', which has 3)"),
        (0, 0, "`count` must be an integer >= 1 (got 0)"),
        (2.0, 0, "`count` must be an integer >= 1 (got 2.0)"),
        (True, 0, "(got True)"),
        (2, -1, "`seed` must be an integer >= 0 (got -1)"),
    ],
)
def test_more_than_there_is_is_refused(count: int, seed: int, message: str) -> None:
    with pytest.raises(search.DataError, match=re.escape(message)):
        search.take_balanced(numbered(3, 3), count, seed)
    with pytest.raises(search.DataError):
        search.take_balanced(numbered(3, 0), 4)
