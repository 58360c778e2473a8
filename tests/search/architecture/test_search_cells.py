"""The search itself: what it does to a supernet, what it leaves, what it refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.search import (
    CheckpointError,
    DataError,
    DivergenceError,
    ImageSet,
    SearchOptions,
    SearchRecipe,
    SearchResult,
    optimizer,
    search_cells,
)
from bnas.search.architecture import steps
from bnas.search.architecture.steps import learning_rate_at

PAPER = search.load_search_recipe("paper-search")


def state_of(directory: Path) -> dict[str, torch.Tensor]:
    model: dict[str, torch.Tensor] = search.load_checkpoint(directory / "checkpoint.pt")["model"]
    return model


def same_bits(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def timeless(result: SearchResult) -> list[search.SearchEpoch]:
    return [attrs.evolve(record, images_per_s=0.0, seconds=0.0) for record in result.history]


def test_the_learning_rate_falls_along_half_a_cosine_epoch_by_epoch() -> None:
    rates = [learning_rate_at(PAPER, epoch) for epoch in range(50)]
    assert rates[0] == 0.025
    assert rates[25] == pytest.approx(0.013)
    assert rates == sorted(rates, reverse=True)
    # CosineAnnealingLR of torch, whose scheduler the authors' code steps once an epoch.
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.025)
    torches = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50, eta_min=0.001)
    for rate in rates:
        assert rate == pytest.approx(torches.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        torches.step()


def test_a_search_leaves_cells_tables_and_a_history(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    told: list[object] = []
    result = search_cells(recipe, images, tmp_path, progress=told.append)
    assert result.completed
    assert [record.epoch for record in result.history] == [0, 1, 2]
    assert sum(isinstance(each, search.StepMetrics) for each in told) == 12
    for gamma in (1, 3):
        text = (tmp_path / f"genotype-gamma{gamma}.json").read_text()
        assert cells.Genotype.from_json(text) == result.genotypes[gamma]
        last = result.history[-1]
        assert search.discretize(last.normal, last.reduce, gamma) == result.genotypes[gamma]
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2]
    assert search.SearchEpoch.from_dict(json.loads(lines[-1])) == result.history[-1]
    table = (tmp_path / "metrics.csv").read_text().splitlines()
    assert len(table) == 4
    assert "strongest_bin_conv_3x3" in table[0]
    assert json.loads((tmp_path / "recipe.json").read_text()) == recipe.to_dict()


def test_it_learns_weights_and_moves_the_architecture(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    longer = attrs.evolve(recipe, epochs=6)
    history = search_cells(longer, images, tmp_path).history
    assert history[-1].loss < 0.8 * history[0].loss
    moved = torch.tensor(history[-1].normal) - torch.tensor(history[0].normal)
    assert moved.abs().max() > 0.05


def test_the_two_halves_share_no_image_and_the_seed_does_not_choose_them(
    tmp_path: Path,
    recipe: SearchRecipe,
    images: ImageSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[set[bytes], set[bytes]]] = []
    whole = steps.search_epoch

    def look(run: steps.SearchRun, *rest: object) -> bool:
        halves = (run.weight_batches.images, run.arch_batches.images)
        seen.append(tuple({each.numpy().tobytes() for each in half.images} for half in halves))
        return whole(run, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("bnas.search.architecture.search.search_epoch", look)
    for seed in (0, 1):
        one = attrs.evolve(recipe, seed=seed, epochs=1)
        search_cells(one, images, tmp_path / str(seed))
    weights, arch = seen[0]
    assert not weights & arch
    assert len(weights) == len(arch) == 17
    assert seen[0] == seen[1]


def test_architecture_steps_move_no_weight_and_weight_steps_no_architecture(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    """With a learning rate of one of them at (nearly) 0, it stays where it was."""
    fixed = attrs.evolve(recipe, epochs=1, arch_learning_rate=0.0)
    search_cells(fixed, images, tmp_path / "fixed")
    still = attrs.evolve(fixed, learning_rate=1e-30, final_learning_rate=0.0)
    search_cells(still, images, tmp_path / "still")
    moving = attrs.evolve(still, arch_learning_rate=0.05)
    search_cells(moving, images, tmp_path / "moving")
    states = {name: state_of(tmp_path / name) for name in ("fixed", "still", "moving")}
    for name, value in states["still"].items():
        is_arch = name.startswith("arch_parameters")
        if "running" not in name and "weight_scale" not in name:
            same = torch.allclose(value, states["moving"][name], rtol=0, atol=1e-12)
            assert same != is_arch, name
        if is_arch:
            assert torch.equal(value, states["fixed"][name])
    weight = "classifier.weight"
    assert not torch.equal(states["still"][weight], states["fixed"][weight])


def test_the_regulariser_keeps_the_entropy_up(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    entropies = []
    for weight in (0.0, 50.0):
        one = attrs.evolve(
            recipe, entropy_weight=weight, entropy_decay_epochs=100.0, arch_learning_rate=0.2
        )
        entropies.append(search_cells(one, images, tmp_path / str(weight)).history[-1].entropy)
    assert entropies[0] < entropies[1] - 0.02
    assert entropies[1] == pytest.approx(math.log(7), abs=0.02)


def test_the_weight_of_the_regulariser_decays(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    history = search_cells(recipe, images, tmp_path).history
    expected = [math.exp(-epoch / 7.7) for epoch in range(3)]
    assert [record.entropy_coefficient for record in history] == pytest.approx(expected)


def test_the_architecture_alone_lowers_the_loss_of_its_half(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    alone = attrs.evolve(
        recipe,
        epochs=12,
        learning_rate=1e-30,
        final_learning_rate=0.0,
        arch_learning_rate=0.2,
        entropy_weight=0.0,
        crop_padding=0,
        flip=False,
    )
    losses = [record.arch_loss for record in search_cells(alone, images, tmp_path).history]
    assert sum(losses[-3:]) < sum(losses[:3])


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"zeroise": False}, 6),
        ({"skip": "none"}, 7),
        ({"entropy_weight": 0.0}, 7),
        ({"order": 2}, 7),
        ({"engine": "plain"}, 7),
        ({"gradient_clip": 1.0}, 7),
        ({"precision": "bfloat16"}, 7),
        ({"official_quirks": True}, 7),
    ],
)
def test_every_switch_runs_and_changes_the_result(
    tmp_path: Path,
    recipe: SearchRecipe,
    images: ImageSet,
    changes: dict[str, object],
    columns: int,
) -> None:
    one = attrs.evolve(recipe, epochs=1)
    plain = search_cells(one, images, tmp_path / "plain")
    other = search_cells(attrs.evolve(one, **changes), images, tmp_path / "other")
    assert len(other.history[0].normal[0]) == columns
    assert other.history[0].normal != plain.history[0].normal
    if columns == 6:
        edges = other.genotypes[1].normal + other.genotypes[1].reduce
        assert "none" not in {name for name, _ in edges}


def test_the_same_seed_gives_the_same_bits_and_another_one_others(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    torch.manual_seed(1)
    first = search_cells(recipe, images, tmp_path / "first")
    torch.manual_seed(2)  # The global generator has no part in it.
    again = search_cells(
        recipe, images, tmp_path / "again", options=SearchOptions(deterministic=True)
    )
    assert timeless(first) == timeless(again)
    assert same_bits(state_of(tmp_path / "first"), state_of(tmp_path / "again"))
    other = search_cells(attrs.evolve(recipe, seed=1), images, tmp_path / "other")
    assert other.history[-1].normal != first.history[-1].normal


@pytest.mark.parametrize("engine", ["shared", "plain"])
def test_a_fused_step_moves_every_weight_by_its_own_gradient(
    tmp_path: Path,
    recipe: SearchRecipe,
    images: ImageSet,
    engine: Literal["shared", "plain"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = attrs.evolve(recipe, engine=engine)
    one_step = SearchOptions(time_limit_s=0)
    search_cells(recipe, images, tmp_path / "fused", options=one_step)
    monkeypatch.setattr(optimizer, "FUSED_DEVICES", frozenset())
    search_cells(recipe, images, tmp_path / "plain", options=one_step)
    plain = state_of(tmp_path / "plain")
    for name, value in state_of(tmp_path / "fused").items():
        torch.testing.assert_close(value, plain[name], msg=name)


@pytest.mark.parametrize("stops", [1, 5])
def test_a_search_that_was_stopped_ends_in_the_same_bits(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet, stops: int
) -> None:
    whole = search_cells(recipe, images, tmp_path / "whole")
    cut = tmp_path / "cut"
    for _ in range(stops):
        stopped = search_cells(recipe, images, cut, options=SearchOptions(time_limit_s=0))
        assert not stopped.completed
    resumed = search_cells(recipe, images, cut)
    assert resumed.resumed_from == cut / "checkpoint.pt"
    assert timeless(resumed) == timeless(whole)
    assert same_bits(state_of(cut), state_of(tmp_path / "whole"))
    for name in ("genotype-gamma1.json", "genotype-gamma3.json"):
        assert (cut / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_finished_search_is_not_repeated(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    whole = search_cells(recipe, images, tmp_path)
    (tmp_path / "genotype-gamma1.json").unlink()
    told: list[object] = []
    again = search_cells(recipe, images, tmp_path, progress=told.append)
    assert told == []
    assert again.history == whole.history
    assert (tmp_path / "genotype-gamma1.json").is_file()


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    whole = search_cells(recipe, images, tmp_path / "whole")
    search_cells(recipe, images, tmp_path / "cut")
    path = tmp_path / "cut" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:2000])
    resumed = search_cells(recipe, images, tmp_path / "cut")
    assert resumed.resumed_from == tmp_path / "cut" / "checkpoint.previous.pt"
    assert timeless(resumed) == timeless(whole)
    path.write_bytes(b"PK")
    (tmp_path / "cut" / "checkpoint.previous.pt").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="checkpoint.pt cannot be read"):
        search_cells(recipe, images, tmp_path / "cut")


def test_the_directory_of_another_search_is_refused_with_the_differences(
    tmp_path: Path,
    recipe: SearchRecipe,
    images: ImageSet,
    coloured: Callable[[int, int], ImageSet],
) -> None:
    search_cells(recipe, images, tmp_path, options=SearchOptions(time_limit_s=0))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    other = attrs.evolve(recipe, channels=3, entropy_weight=0.5)
    with pytest.raises(CheckpointError) as caught:
        search_cells(other, images, tmp_path)
    assert caught.value.differences == (
        "recipe.channels: 4 in the checkpoint, 3 now",
        "recipe.entropy_weight: 1.0 in the checkpoint, 0.5 now",
    )
    with pytest.raises(CheckpointError, match="data.weights"):
        search_cells(recipe, coloured(34, 5), tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_the_directory_of_a_training_is_refused(
    tmp_path: Path,
    recipe: SearchRecipe,
    images: ImageSet,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    training = search.Recipe(epochs=1, batch_size=16, crop_padding=1)
    search.train(tiny_spec, training, data, tmp_path, options=search.RunOptions(time_limit_s=0))
    with pytest.raises(CheckpointError, match="another configuration"):
        search_cells(recipe, images, tmp_path)


def test_one_search_at_a_time_in_a_directory(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    refused: list[str] = []

    def begin_another(_: object) -> None:
        with pytest.raises(CheckpointError, match="in use by another run") as caught:
            search_cells(recipe, images, tmp_path)
        refused.append(str(caught.value))

    one = attrs.evolve(recipe, epochs=1)
    search_cells(one, images, tmp_path, progress=begin_another)
    assert refused


@pytest.mark.parametrize("kind", ["weights", "architecture"])
def test_a_loss_that_is_not_finite_stops_the_search(
    tmp_path: Path,
    recipe: SearchRecipe,
    images: ImageSet,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    search_cells(recipe, images, tmp_path, options=SearchOptions(time_limit_s=0))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    sound, calls = steps.cross_entropy, iter(range(1000))

    def spoil(*arguments: torch.Tensor) -> torch.Tensor:
        # Called for the architecture first, then for the weights.
        hit = next(calls) == (4 if kind == "architecture" else 5)
        return sound(*arguments) * (math.nan if hit else 1.0)

    monkeypatch.setattr(steps, "cross_entropy", spoil)
    with pytest.raises(DivergenceError, match="epoch 0, step 3") as caught:
        search_cells(recipe, images, tmp_path)
    assert ("architecture" in str(caught.value)) == (kind == "architecture")
    assert caught.value.checkpoint == tmp_path / "checkpoint.pt"
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_loss_that_explodes_stops_the_search(
    tmp_path: Path,
    recipe: SearchRecipe,
    images: ImageSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = steps.cross_entropy
    monkeypatch.setattr(steps, "cross_entropy", lambda *a: sound(*a) * 1e-6 + 1e4)
    monkeypatch.setattr("bnas.search.loss_watch.PATIENCE_STEPS", 6)
    with pytest.raises(search.ExplosionError, match="exploded"):
        search_cells(recipe, images, tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_warnings_of_a_collapse_are_kept_and_shown(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    def lean(recipe: SearchRecipe, classes: int) -> torch.nn.Module:
        from bnas.search.architecture.network import build_supernet

        network = build_supernet(recipe, classes)
        with torch.no_grad():
            for logits in network.arch_parameters.values():
                logits[:, 0] += 30.0
        return network

    one = attrs.evolve(recipe, arch_learning_rate=1e-6)
    history = search_cells(one, images, tmp_path, build=lean).history
    assert any("Zeroise" in warning for warning in history[0].warnings)
    assert any("before half of the epochs" in warning for warning in history[0].warnings)
    assert "warnings" in json.loads((tmp_path / "history.jsonl").read_text().splitlines()[0])


def test_too_few_images_and_wrong_sizes_are_refused_before_anything_is_written(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    out = tmp_path / "out"
    with pytest.raises(DataError, match="batch_size=18, halves of 17 images"):
        search_cells(attrs.evolve(recipe, batch_size=18), images, out)
    odd = attrs.evolve(images, images=images.images[..., :6])
    with pytest.raises(DataError, match="multiples of 4"):
        search_cells(recipe, odd, out)
    with pytest.raises(search.RecipeError, match="`device` must be one of"):
        search_cells(recipe, images, out, options=SearchOptions(device="quantum"))
    assert not out.exists()


def test_events_of_a_search_are_written(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    search_cells(recipe, images, tmp_path, options=SearchOptions(event_log=True))
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert {"step/loss", "epoch/entropy", "epoch/arch_top1", "epoch/strongest/none"} <= tags
    assert [event.step for event in events.Scalars("epoch/entropy")] == [3, 7, 11]
