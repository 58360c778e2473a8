"""The recipe of a search: the paper's numbers, changes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from bnas import search
from bnas.search import RecipeError, SearchRecipe


def test_the_paper_s_recipe_has_the_paper_s_numbers() -> None:
    recipe = search.load_search_recipe("paper-search")
    assert (recipe.epochs, recipe.batch_size, recipe.cells, recipe.channels) == (50, 64, 8, 16)
    assert (recipe.learning_rate, recipe.final_learning_rate) == (0.025, 0.001)
    assert (recipe.momentum, recipe.weight_decay) == (0.9, 3e-4)
    assert recipe.latent_weight_decay == 3e-4
    assert (recipe.arch_learning_rate, recipe.arch_weight_decay) == (3e-4, 1e-3)
    assert recipe.arch_betas == (0.5, 0.999)
    assert (recipe.entropy_weight, recipe.entropy_decay_epochs) == (1.0, 7.7)
    assert (recipe.order, recipe.skip, recipe.zeroise) == (1, "previous", True)


def test_defaults_are_the_paper_s() -> None:
    assert SearchRecipe(epochs=50) == search.load_search_recipe("paper-search")


@pytest.mark.parametrize("name", search.list_search_recipes())
def test_every_recipe_goes_through_a_dict(name: str) -> None:
    recipe = search.load_search_recipe(name)
    assert SearchRecipe.from_dict(recipe.to_dict()) == recipe


def test_searches_and_trainings_have_recipes_of_their_own() -> None:
    assert not set(search.list_search_recipes()) & set(search.list_recipes())
    with pytest.raises(RecipeError, match="paper-search"):
        search.load_search_recipe("paper-serach")


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 2\nzeroise = false\n")
    recipe = search.load_search_recipe(path)
    assert recipe.primitives[0] == "max_pool_3x3"
    assert len(recipe.primitives) == 6


def test_changes_are_made_and_misspelt_names_guessed() -> None:
    recipe = SearchRecipe(epochs=5)
    assert search.changed_search(recipe, ["entropy_weight=0", "skip=none"]) == attrs.evolve(
        recipe, entropy_weight=0.0, skip="none"
    )
    with pytest.raises(RecipeError, match="did you mean 'entropy_weight'"):
        search.changed_search(recipe, ["entropy_wieght=0"])


def test_the_halves_have_batches_of_their_own() -> None:
    recipe = SearchRecipe(epochs=5, seed=3)
    assert recipe.arch_recipe.seed != recipe.weights_recipe.seed == 3
    assert recipe.arch_recipe.seed == SearchRecipe(epochs=9, seed=3).arch_recipe.seed


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"epochs": 0}, "`epochs`"),
        ({"batch_size": 1}, "`batch_size`"),
        ({"cells": 2}, "`cells`"),
        ({"order": 3}, "`order`"),
        ({"order": True}, "`order`"),
        ({"skip": "both"}, "`skip`"),
        ({"engine": "fused"}, "`engine`"),
        ({"zeroise": 1}, "`zeroise`"),
        ({"entropy_weight": -1}, "`entropy_weight`"),
        ({"entropy_weight": float("nan")}, "`entropy_weight`"),
        ({"entropy_decay_epochs": 0}, "`entropy_decay_epochs`"),
        ({"final_learning_rate": 1.0}, "`final_learning_rate` must be at most `learning_rate`"),
        ({"arch_betas": []}, "`arch_betas`"),
        ({"arch_betas": [0.5, 1.0]}, "`arch_betas`"),
        ({"template": "imagenet", "channels": 3}, "`channels` must be even"),
        ({"side": 4}, "side"),
    ],
)
def test_a_field_outside_its_range_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        SearchRecipe.from_dict({"epochs": 2, **fields})
