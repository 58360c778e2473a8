from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bnas import search
from bnas.search.image_set import default_holdout, split_holdout
from bnas.search.randomness import generator

Coloured = Callable[[int, int], search.ImageSet]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(2, 1), (9, 1), (20, 2), (600, 60), (49_999, 4_999), (50_000, 5_000), (1_281_167, 5_000)],
)
def test_five_thousand_or_a_tenth_are_held_out(count: int, expected: int) -> None:
    assert default_holdout(count) == expected


def test_a_tenth_of_few_images_is_held_out_unless_told_otherwise(coloured: Coloured) -> None:
    rest, held_out = split_holdout(coloured(40, 0))
    assert (len(rest), len(held_out)) == (36, 4)
    assert len(split_holdout(coloured(40, 0), 7)[1]) == 7


def test_the_split_is_that_of_its_seed(coloured: Coloured) -> None:
    images = coloured(40, 0)
    splits = [
        split_holdout(images, 8),
        split_holdout(images, 8, holdout_seed=0),
        split_holdout(images, 8, holdout_seed=1),
    ]
    first, second, other = (held_out.sha256() for _, held_out in splits)
    assert first == second != other
    # The permutation is part of what a run resumes with: it must not change between versions.
    order = torch.randperm(40, generator=generator(0, "holdout"))
    assert images.take(order[:8]).sha256() == first


@pytest.mark.parametrize("holdout", [5000, 20, 0, -1, True, 2.0])
def test_a_part_that_cannot_be_says_what_can(holdout: Any, coloured: Coloured) -> None:
    message = rf"`holdout` must be in 1..19 of 20 images .got {holdout}.; left out, it is 2$"
    with pytest.raises(search.DataError, match=message):
        split_holdout(coloured(20, 0), holdout)


@pytest.mark.parametrize("count", [0, 1])
def test_of_one_image_none_can_be_held_out(count: int, coloured: Coloured) -> None:
    with pytest.raises(search.DataError, match=rf"at least two .* \(got {count}\)"):
        split_holdout(coloured(count, 0))


@pytest.mark.parametrize("seed", [-1, 0.0, True, "0"])
def test_seeds_of_the_split_are_integers(seed: Any, coloured: Coloured) -> None:
    with pytest.raises(search.DataError, match="`holdout_seed` must be an integer >= 0"):
        split_holdout(coloured(20, 0), 4, seed)
