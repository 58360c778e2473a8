"""Networks out of final checkpoints, and what they must have in common with a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.cells.nn import BinaryConv2d
from bnas.search.origin import load_network

RECIPE = search.Recipe(epochs=1, batch_size=16, crop_padding=1)


@pytest.fixture(scope="module")
def final(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> Path:
    recipe = attrs.evolve(RECIPE, official_sign=True, official_gradient=True)
    return search.train(tiny_spec, recipe, data, tmp_path_factory.mktemp("run")).checkpoint


def changed(final: Path, out: Path, *without: str, **entries: Any) -> Path:
    """Write a copy of a final checkpoint with some entries changed or left out."""
    state = {**search.load_checkpoint(final), **entries}
    torch.save({name: value for name, value in state.items() if name not in without}, out)
    return out


def begin(
    tmp_path: Path,
    spec: cells.NetworkSpec,
    data: search.TrainingData,
    recipe: search.Recipe = RECIPE,
    **origin: Path,
) -> search.TrainResult:
    weight = 0.5 if "teacher" in origin else 0.0
    options = search.RunOptions(time_limit_s=0, **origin)
    recipe = attrs.evolve(recipe, distillation_weight=weight)
    return search.train(spec, recipe, data, tmp_path / "out", options=options)


def test_a_network_is_what_its_recipe_makes_it(
    tmp_path: Path, final: Path, tiny_spec: cells.NetworkSpec
) -> None:
    convolutions = [
        module for module in load_network(final).modules() if isinstance(module, BinaryConv2d)
    ]
    assert all(module.official_sign and module.official_gradient for module in convolutions)
    recipe = attrs.evolve(RECIPE, binarize="none").to_dict()
    twin = load_network(changed(final, tmp_path / "twin.pt", recipe=recipe))
    assert twin.binarize == "none"
    assert not any(module.official_centring for module in convolutions)
    centred = {**recipe, "binarize": "all", "official_centring": True}
    centring = load_network(changed(final, tmp_path / "centred.pt", recipe=centred))
    assert all(m.official_centring for m in centring.modules() if isinstance(m, BinaryConv2d))
    assert not twin.training


def test_loading_leaves_the_global_random_numbers_alone(final: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load_network(final)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("role", ["teacher", "initial"])
def test_an_origin_of_other_images_is_refused(
    tmp_path: Path,
    final: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    role: str,
) -> None:
    swapped = changed(final, tmp_path / "swapped.pt", classes=["blue", "red"])
    with pytest.raises(
        search.CheckpointError,
        match=r"swapped.pt was .* other classes .*\['blue', 'red'\] there, \['red', 'blue'\] here",
    ):
        begin(tmp_path, tiny_spec, data, **{role: swapped})
    with pytest.raises(search.CheckpointError, match=r"final.pt was .* other normalization"):
        coloured = attrs.evolve(data, normalization=search.IMAGENET)
        begin(tmp_path, tiny_spec, coloured, **{role: final})
    many = changed(final, tmp_path / "many.pt", classes=[f"class {n}" for n in range(1000)])
    with pytest.raises(search.CheckpointError) as caught:
        begin(tmp_path, tiny_spec, data, **{role: many})
    assert len(str(caught.value).removeprefix(str(many))) < 250
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("role", ["teacher", "initial"])
def test_an_older_origin_that_does_not_say_what_it_was_trained_with_serves(
    tmp_path: Path,
    final: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    role: str,
) -> None:
    older = changed(final, tmp_path / "older.pt", "classes", "normalization")
    assert not begin(tmp_path, tiny_spec, data, **{role: older}).completed


def test_an_initial_of_another_network_says_what_differs(
    tmp_path: Path, final: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    spec = attrs.evolve(tiny_spec, channels=8)
    with pytest.raises(
        search.CheckpointError, match=r"its channels is another \(4 there, 8 here\)"
    ):
        begin(tmp_path, spec, data, initial=final)


def test_a_teacher_that_cannot_see_the_images_is_refused(
    tmp_path: Path, final: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    # Two reductions one after the other need a side that 4 divides, the one of a single cell none.
    deep = attrs.evolve(tiny_spec, num_cells=5)
    recipe = attrs.evolve(RECIPE, resolutions=((1.0, 10),))
    network = cells.nn.Network(deep)
    taught = changed(final, tmp_path / "deep.pt", spec=deep.to_json(), model=network.state_dict())
    one = attrs.evolve(tiny_spec, num_cells=1)
    with pytest.raises(search.CheckpointError, match="cannot teach with images of 10 pixels"):
        begin(tmp_path, one, data, recipe, teacher=taught)


def test_damaged_networks_are_refused(
    tmp_path: Path, final: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    state = search.load_checkpoint(final)
    short = {name: value for name, value in state["model"].items() if name != "classifier.bias"}
    for entries in (
        {"model": short},
        {"model": None},
        {"spec": None},
        {"spec": "{"},
        {"spec": '{"kind": "bnas", "genotype": 3}'},
        {"recipe": "x"},
        {"recipe": {"epochs": 0}},
    ):
        path = changed(final, tmp_path / "damaged.pt", **entries)
        with pytest.raises(search.CheckpointError, match="damaged.pt holds no network"):
            begin(tmp_path, tiny_spec, data, initial=path)
