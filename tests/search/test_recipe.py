from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.search import Recipe, RecipeError, changed, list_recipes, load_recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "`epochs` must be an integer >= 1 and <= 1000000 (got 0)"),
        ({"epochs": 1.5}, "`epochs` must be an integer >= 1 and <= 1000000 (got 1.5)"),
        ({"epochs": True}, "(got True)"),
        ({"batch_size": 1}, "`batch_size` must be an integer >= 2"),
        ({"learning_rate": 0}, "`learning_rate` must be a number > 0 (got 0.0)"),
        ({"learning_rate": "fast"}, "(got 'fast')"),
        ({"learning_rate": True}, "(got True)"),
        ({"learning_rate": 10**400}, "(got inf)"),
        ({"area": [0.5, 10**400], "crop_padding": 0}, "`area`"),
        ({"seed": 2**63}, "`seed`"),
        ({"seed": True}, "`seed`"),
        ({"epochs": 10**20}, "`epochs`"),
        ({"batch_size": 10**7}, "`batch_size` must be an integer >= 2 and <= 1000000"),
        ({"restart_epochs": 10**7, "schedule": "cosine"}, "`restart_epochs`"),
        ({"evaluation_resize": 5000, "resolutions": [[1, 32]]}, "`evaluation_resize`"),
        ({"crop_padding": 5000}, "`crop_padding`"),
        ({"learning_rate": float("nan")}, "(got nan)"),
        ({"learning_rate": float("inf")}, "(got inf)"),
        ({"optimizer": "lion"}, "`optimizer` must be one of ('adam', 'adamw', 'sgd') (got 'lion')"),
        ({"schedule": "step"}, "('one-cycle', 'cosine', 'linear')"),
        ({"precision": "float16"}, "`precision`"),
        ({"momentum": 1.0}, "`momentum` must be a number >= 0 and <= 0.999 (got 1.0)"),
        ({"warmup_fraction": 0.95}, "`warmup_fraction`"),
        ({"weight_decay": -1e-6}, "`weight_decay`"),
        ({"latent_weight_decay": -1}, "`latent_weight_decay`"),
        ({"label_smoothing": 1.0}, "`label_smoothing`"),
        ({"seed": -1}, "`seed`"),
        ({"crop_padding": -1}, "`crop_padding`"),
        ({"flip": 1}, "`flip` must be true or false (got 1)"),
        ({"engine": "yes"}, "`engine` must be one of ('eager', 'compiled', 'fused')"),
        ({"engine": "fused"}, "needs `precision` = 'bfloat16' and binary activations"),
        (
            {"engine": "fused", "precision": "bfloat16", "binarize": "none"},
            "(got precision='bfloat16', binarize='none')",
        ),
        (
            {"engine": "fused", "precision": "bfloat16", "official_sign": True},
            "needs `official_sign` = false",
        ),
        ({"binarize": "some"}, "`binarize`"),
        ({"restart_epochs": -1}, "`restart_epochs`"),
        ({"restart_epochs": 5}, "needs `schedule` = 'cosine' (got 'one-cycle')"),
        ({"gradient_clip": -1}, "`gradient_clip`"),
        ({"mixup_strength": -0.1}, "`mixup_strength`"),
        ({"cutmix_strength": float("nan")}, "`cutmix_strength`"),
        ({"drop_path": 1.0}, "`drop_path`"),
        ({"average_decay": 1.0}, "`average_decay`"),
        ({"distillation_weight": 2}, "`distillation_weight`"),
        ({"distillation_temperature": 0}, "`distillation_temperature`"),
        ({"evaluation_resize": -1}, "`evaluation_resize`"),
        ({"evaluation_resize": 40}, "`evaluation_resize` needs `resolutions`"),
        (
            {"evaluation_resize": 24, "resolutions": [[1.0, 32]]},
            "at least the side of the last (got 24",
        ),
        ({"area": [0.5]}, "must be empty or 2 numbers >= 0 and <= 1 (got [0.5])"),
        ({"area": [0.1, 2.0]}, "(got [0.1, 2.0])"),
        ({"area": 0.5}, "(got [0.5])"),
        ({"area": [0.1, 1.0]}, "`area` takes the place of `crop_padding`"),
        ({"area": [0.5, 0.1], "crop_padding": 0}, "`area` must be a share > 0"),
        ({"color_jitter": [0.4, 0.4]}, "must be empty or 4 numbers"),
        ({"color_jitter": [0.4, 0.4, 0.4, 0.6]}, "hue of `color_jitter` must be <= 0.5"),
        ({"official_sign": None}, "`official_sign`"),
        ({"official_gradient": 0}, "`official_gradient`"),
        ({"official_centring": 1}, "`official_centring`"),
        ({"resolutions": [[0.5, 16]]}, "must sum to 1 (got 0.5)"),
        ({"resolutions": [[1.0, 4]]}, "an integer >= 8 and <= 4096 (got 4)"),
        ({"resolutions": [[0, 16], [1, 32]]}, "must be > 0 and <= 1 (got 0.0)"),
        ({"resolutions": [[True, 16]]}, "(got True)"),
        ({"resolutions": [[1, True]]}, "(got True)"),
        ({"resolutions": [[1, 5000]]}, "(got 5000)"),
        ({"resolutions": [[10**400, 16]]}, "(got inf)"),
        ({"resolutions": [[float("nan"), 16]]}, "(got nan)"),
        ({"area": [False, True], "crop_padding": 0}, "(got [False, True])"),
        ({"color_jitter": [0.4, 0.4, float("nan"), 0.1]}, "`color_jitter`"),
        ({"resolutions": [16, 32]}, "must be pairs"),
        ({"resolutions": 32}, "must be pairs"),
        (
            {"learnin_rate": 0.1},
            "no field of a recipe; did you mean 'learning_rate'? its fields: [",
        ),
        ({"zzz": 0.1}, "'zzz' is no field of a recipe; its fields: ['epochs', "),
    ],
)
def test_values_outside_their_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        Recipe.from_dict({"epochs": 1, **change})


def test_epochs_have_to_be_said() -> None:
    with pytest.raises(RecipeError, match="epochs"):
        Recipe.from_dict({})


def test_a_recipe_survives_its_dict() -> None:
    stages = ((0.5, 16), (0.5, 32))
    recipe = Recipe(
        epochs=3, resolutions=stages, optimizer="sgd", color_jitter=(0.4, 0.4, 0.4, 0.2)
    )
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
    with pytest.raises(RecipeError, match="plus-cpu.*got 'plus-cup'"):
        load_recipe("plus-cup")


@pytest.mark.parametrize("name", list_recipes())
def test_every_shipped_recipe_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.epochs >= 1
    assert not recipe.official_sign, "a packed network has sign(0) = +1"


def test_the_cpu_s_recipe_ends_at_the_size_of_cifar() -> None:
    recipe = load_recipe("plus-cpu")
    assert recipe.side_at(recipe.epochs - 1) == 32


def test_fields_are_changed_by_name() -> None:
    recipe = Recipe(epochs=3)
    found = changed(recipe, ["epochs=20", "optimizer=sgd", "flip = false", "area=[]", "seed=1"])
    assert (found.epochs, found.optimizer, found.flip, found.area, found.seed) == (
        20,
        "sgd",
        False,
        (),
        1,
    )
    assert changed(recipe, []) == recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs", "a change of a recipe must be FIELD=VALUE (got 'epochs')"),
        ("epoch=3", "did you mean 'epochs'?"),
        ("epochs=many", "(got 'many')"),
    ],
)
def test_changes_that_make_no_sense_are_refused(change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        changed(Recipe(epochs=3), [change])


def test_the_papers_recipes_are_the_papers() -> None:
    cifar, imagenet = load_recipe("paper-cifar10"), load_recipe("paper-imagenet")
    assert (cifar.epochs, cifar.batch_size, cifar.learning_rate) == (600, 256, 0.05)
    assert (cifar.weight_decay, cifar.drop_path, cifar.schedule) == (3e-6, 0.2, "one-cycle")
    assert (imagenet.epochs, imagenet.batch_size, imagenet.learning_rate) == (250, 512, 0.1)
    assert (imagenet.weight_decay, imagenet.restart_epochs) == (3e-5, 50)
    assert (imagenet.gradient_clip, imagenet.label_smoothing) == (5.0, 0.1)
    for recipe in (cifar, imagenet):
        assert recipe.optimizer == "sgd"
        assert recipe.official_gradient
        assert recipe.weight_decay == recipe.latent_weight_decay


def test_official_centring_goes_unsaid_where_it_is_not_wanted() -> None:
    # So that runs and digests of recipes that were written before it are what they are.
    plain, official = (Recipe(epochs=1, official_centring=value) for value in (False, True))
    assert plain == Recipe(epochs=1) != official
    assert "official_centring" not in plain.to_dict()
    assert official.to_dict() == {**plain.to_dict(), "official_centring": True}
    assert Recipe.from_dict(official.to_dict()) == official
    assert changed(official, ["official_centring=false"]) == plain


def test_one_and_one_point_nought_are_the_same_recipe() -> None:
    assert json.dumps(Recipe(epochs=1, learning_rate=1).to_dict()) == json.dumps(
        Recipe(epochs=1, learning_rate=1.0).to_dict()
    )
    assert Recipe(epochs=1, resolutions=[[1, 16]]) == Recipe(epochs=1, resolutions=[[1.0, 16]])


@pytest.mark.parametrize(
    "name", [field.name for field in attrs.fields(Recipe) if isinstance(field.default, float)]
)
def test_every_number_is_written_in_one_way(name: str) -> None:
    whole = 1 if name in ("learning_rate", "distillation_temperature") else 0
    recipes = [Recipe(epochs=1, **{name: value}) for value in (whole, float(whole))]
    if not whole:
        recipes.append(Recipe(epochs=1, **{name: -0.0}))
    assert len({json.dumps(recipe.to_dict()) for recipe in recipes}) == len(set(recipes)) == 1
    for wrong in (True, 10**400, -(10**400), float("nan"), float("inf"), "1"):
        with pytest.raises(RecipeError, match=f"`{name}` must be a number"):
            Recipe(epochs=1, **{name: wrong})


def test_numbers_in_lists_are_written_in_one_way() -> None:
    lists = {"area": [1, 1], "color_jitter": [1, 1, 1, 0], "resolutions": [[1, 16]]}
    floats = {"area": [1.0, 1.0], "color_jitter": [1.0, 1.0, 1.0, -0.0], "resolutions": [[1.0, 16]]}
    first, second = (Recipe(epochs=1, crop_padding=0, **each) for each in (lists, floats))
    assert first == second
    assert json.dumps(first.to_dict()) == json.dumps(second.to_dict())


def test_the_largest_values_are_allowed() -> None:
    recipe = Recipe(epochs=10**6, batch_size=10**6, seed=2**63 - 1, crop_padding=4096)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_the_evaluation_s_resize_keeps_its_ratio_at_other_stages() -> None:
    recipe = Recipe(
        epochs=4, resolutions=[[0.25, 112], [0.25, 160], [0.5, 224]], evaluation_resize=256
    )
    assert [recipe.evaluation_resize_at(epoch) for epoch in range(5)] == [128, 183, 256, 256, 256]
    assert Recipe(epochs=1, resolutions=[[1, 16]]).evaluation_resize_at(0) is None
    assert Recipe(epochs=1).evaluation_resize_at(0) is None


@given(
    sides=st.lists(st.integers(8, 4096), min_size=1, max_size=4),
    extra=st.integers(0, 500),
    epoch=st.integers(0, 9),
)
def test_the_evaluation_s_resize_is_never_smaller_than_the_stage(
    sides: list[int], extra: int, epoch: int
) -> None:
    stages = [[1 / len(sides), side] for side in sides]
    resize = min(sides[-1] + extra, 4096)
    recipe = Recipe(epochs=9, resolutions=stages, evaluation_resize=resize)
    side, found = recipe.side_at(epoch), recipe.evaluation_resize_at(epoch)
    assert side is not None
    assert found is not None
    assert found >= side
    assert abs(found / side - resize / sides[-1]) <= 0.5 / side + 1e-9


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"epochs = 1 # \xff")
    with pytest.raises(RecipeError, match="is not TOML"):
        load_recipe(path)


def test_a_number_of_thousands_of_digits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("epochs = " + 5000 * "9")
    with pytest.raises(RecipeError, match=r"recipe\.toml is not TOML"):
        load_recipe(path)
    with pytest.raises(RecipeError, match="`epochs` must be an integer"):
        changed(Recipe(epochs=3), ["epochs=" + 5000 * "9"])


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for source in ("", tmp_path, str(tmp_path), tmp_path / "absent.toml"):
        with pytest.raises(RecipeError, match="must be a TOML file or one of") as caught:
            load_recipe(source)
        assert f"(got {str(source)!r}" in str(caught.value)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"cannot be read \(File name too long\)"):
        load_recipe(5000 * "a")


def test_a_misspelt_recipe_is_guessed() -> None:
    with pytest.raises(RecipeError, match="did you mean 'plus-cpu'"):
        load_recipe("pluscpu")
