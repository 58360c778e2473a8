"""What the tests of the search share: a supernet of three cells on images of two colours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bnas import search

#: 3 epochs of 4 steps.
FIELDS = {
    "epochs": 3,
    "batch_size": 4,
    "cells": 3,
    "channels": 4,
    "crop_padding": 1,
    "arch_learning_rate": 0.05,
}


@pytest.fixture(scope="session")
def recipe() -> search.SearchRecipe:
    return search.SearchRecipe.from_dict(FIELDS)


@pytest.fixture(scope="session")
def images(coloured: Callable[[int, int], search.ImageSet]) -> search.ImageSet:
    return coloured(34, 1)
