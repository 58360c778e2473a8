"""A `Preprocessing` that no image can be prepared with does not exist."""

from __future__ import annotations

import math

import pytest

from bnas.zoo.errors import PreprocessingError
from bnas.zoo.preprocessing import LIMIT_SIZE, Preprocessing

RIGHT = {"size": 224, "resize": 256, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def test_resize_defaults_to_the_size() -> None:
    assert Preprocessing(size=32, mean=(0, 0, 0), std=(1, 1, 1)).resize == 32


def test_lists_are_taken_as_json_gives_them() -> None:
    given = Preprocessing(**{**RIGHT, "mean": list(RIGHT["mean"]), "std": list(RIGHT["std"])})
    assert given == Preprocessing(**RIGHT)
    assert hash(given) == hash(Preprocessing(**RIGHT))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 0),
        ("size", 32.0),
        ("size", True),
        ("size", "32"),
        ("size", LIMIT_SIZE + 1),
        ("resize", 223),
        ("resize", 10**400),
        ("interpolation", "nearest"),
        ("interpolation", None),
        ("mean", (0.5, 0.5)),
        ("mean", 0.5),
        ("mean", "abc"),
        ("mean", (0.5, 0.5, math.nan)),
        ("mean", (0.5, 0.5, 10**400)),
        ("mean", (0.5, 0.5, "0.5")),
        ("std", (0.5, 0.5, 0.0)),
        ("std", (0.5, 0.5, -1.0)),
        ("std", (0.5, 0.5, math.inf)),
        ("std", (1, 1, True)),
    ],
)
def test_wrong_fields_are_named(field: str, value: object) -> None:
    with pytest.raises(PreprocessingError, match=f"`{field}` must") as caught:
        Preprocessing(**{**RIGHT, field: value})
    assert str(value) in str(caught.value)


def test_at_size_keeps_the_view() -> None:
    half = Preprocessing(**RIGHT).at_size(112)
    assert (half.size, half.resize, half.mean) == (112, 128, RIGHT["mean"])
    assert Preprocessing(**RIGHT).at_size(224) == Preprocessing(**RIGHT)
    with pytest.raises(PreprocessingError, match="`size`"):
        half.at_size(0)
