from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.search import Recipe, RecipeError, list_recipes, load_recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "`epochs` must be an integer >= 1 (got 0)"),
        ({"epochs": 1.5}, "`epochs` must be an integer >= 1 (got 1.5)"),
        ({"epochs": True}, "(got True)"),
        ({"batch_size": 1}, "`batch_size` must be an integer >= 2"),
        ({"learning_rate": 0}, "`learning_rate` must be a number > 0 (got 0)"),
        ({"learning_rate": "fast"}, "(got 'fast')"),
        ({"learning_rate": float("nan")}, "(got nan)"),
        ({"learning_rate": float("inf")}, "(got inf)"),
        ({"optimizer": "lion"}, "`optimizer` must be one of ('adam', 'sgd') (got 'lion')"),
        ({"schedule": "step"}, "('one-cycle', 'cosine')"),
        ({"precision": "float16"}, "`precision`"),
        ({"momentum": 1.0}, "`momentum` must be a number >= 0 and <= 0.999 (got 1.0)"),
        ({"warmup_fraction": 0.95}, "`warmup_fraction`"),
        ({"weight_decay": -1e-6}, "`weight_decay`"),
        ({"latent_weight_decay": -1}, "`latent_weight_decay`"),
        ({"label_smoothing": 1.0}, "`label_smoothing`"),
        ({"seed": -1}, "`seed`"),
        ({"crop_padding": -1}, "`crop_padding`"),
        ({"flip": 1}, "`flip` must be true or false (got 1)"),
        ({"compile": "yes"}, "`compile`"),
        ({"official_sign": None}, "`official_sign`"),
        ({"official_gradient": 0}, "`official_gradient`"),
        ({"resolutions": [[0.5, 16]]}, "must sum to 1 (got 0.5)"),
        ({"resolutions": [[1.0, 4]]}, "an integer >= 8 (got 4)"),
        ({"resolutions": [[0, 16], [1, 32]]}, "must be > 0 and <= 1 (got 0)"),
        ({"resolutions": [16, 32]}, "must be pairs"),
        ({"resolutions": 32}, "must be pairs"),
        ({"learnin_rate": 0.1}, "unknown fields ['learnin_rate']"),
    ],
)
def test_values_outside_their_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        Recipe.from_dict({"epochs": 1, **change})


def test_epochs_have_to_be_said() -> None:
    with pytest.raises(RecipeError, match="epochs"):
        Recipe.from_dict({})


def test_a_recipe_survives_its_dict() -> None:
    recipe = Recipe(epochs=3, resolutions=((0.5, 16), (0.5, 32)), optimizer="sgd", compile=True)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@given(epochs=st.integers(1, 50), parts=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_stages_follow_one_another_and_cover_all_epochs(epochs: int, parts: list[int]) -> None:
    stages = tuple((part / sum(parts), 8 + index) for index, part in enumerate(parts))
    recipe = Recipe(epochs=epochs, resolutions=stages)
    sides = [recipe.side_at(epoch) for epoch in range(epochs)]
    assert sides == sorted(sides)
    for part, (_, side) in zip(parts, stages, strict=True):
        assert abs(sides.count(side) - epochs * part / sum(parts)) <= 1
    assert recipe.side_at(epochs) == stages[-1][1]


def test_no_stages_mean_the_size_of_the_images() -> None:
    assert Recipe(epochs=2).side_at(1) is None


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('epochs = 2\noptimizer = "sgd"\nresolutions = [[1, 24]]\n')
    expected = Recipe(epochs=2, optimizer="sgd", resolutions=((1, 24),))
    assert load_recipe(path) == load_recipe(str(path)) == expected


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("epochs: 2")
    with pytest.raises(RecipeError, match=r"own\.toml is not TOML"):
        load_recipe(path)


def test_an_unknown_name_lists_the_recipes() -> None:
    with pytest.raises(RecipeError, match="cpu-first.*got 'cpu-frist'"):
        load_recipe("cpu-frist")


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.epochs >= 1
    assert not recipe.official_sign, "a packed network has sign(0) = +1"


def test_the_first_recipe_ends_at_the_size_of_cifar() -> None:
    recipe = load_recipe("cpu-first")
    assert recipe.side_at(recipe.epochs - 1) == 32
