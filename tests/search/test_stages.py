"""What a run begins with and learns from: an earlier stage, a teacher, a budget, a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.search import epoch as epoch_module
from bnas.search.origin import load_network

RECIPE = search.Recipe(epochs=2, batch_size=16, learning_rate=5e-3, crop_padding=1)
Coloured = Callable[[int, int], search.ImageSet]


@pytest.fixture(scope="module")
def first_stage(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> Path:
    directory = tmp_path_factory.mktemp("first")
    recipe = attrs.evolve(RECIPE, binarize="activations")
    return search.train(tiny_spec, recipe, data, directory).checkpoint


@pytest.fixture(scope="module")
def twin(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> Path:
    directory = tmp_path_factory.mktemp("twin")
    recipe = attrs.evolve(RECIPE, binarize="none")
    return search.train(tiny_spec, recipe, data, directory).checkpoint


def test_the_second_stage_begins_with_the_weights_of_the_first(
    tmp_path: Path,
    first_stage: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bnas.search.optimizer.learning_rate_at", lambda *_: 0.0)
    options = search.RunOptions(initial=first_stage, time_limit_s=0)
    search.train(tiny_spec, RECIPE, data, tmp_path, options=options)
    found = search.load_checkpoint(tmp_path / "checkpoint.pt")["model"]
    wanted = load_network(first_stage)
    wanted.binarize = "all"
    assert torch.equal(found["classifier.weight"], wanted.state_dict()["classifier.weight"])
    name = next(key for key in found if key.startswith("cells.0") and key.endswith("conv.weight"))
    latent = wanted.state_dict()[name]
    centred = (latent - latent.mean(dim=1, keepdim=True)).clamp(-1, 1)
    torch.testing.assert_close(found[name], centred)
    with pytest.raises(search.CheckpointError, match=r"origin\.initial"):
        search.train(tiny_spec, RECIPE, data, tmp_path)


def test_a_teacher_changes_what_is_learnt(
    tmp_path: Path, twin: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    alone = search.train(tiny_spec, RECIPE, data, tmp_path / "alone")
    recipe = attrs.evolve(RECIPE, distillation_weight=0.9)
    options = search.RunOptions(teacher=twin)
    taught = search.train(tiny_spec, recipe, data, tmp_path / "taught", options=options)
    assert taught.history[0].loss != alone.history[0].loss
    stopped = search.RunOptions(teacher=twin, time_limit_s=0)
    while not search.train(tiny_spec, recipe, data, tmp_path / "cut", options=stopped).completed:
        pass
    first = search.load_checkpoint(tmp_path / "taught" / "final.pt")["model"]
    second = search.load_checkpoint(tmp_path / "cut" / "final.pt")["model"]
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_teacher_and_its_weight_go_together(
    tmp_path: Path,
    twin: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    weight: float,
) -> None:
    recipe = attrs.evolve(RECIPE, distillation_weight=weight)
    options = search.RunOptions(teacher=None if weight else twin)
    with pytest.raises(search.RecipeError, match="go together"):
        search.train(tiny_spec, recipe, data, tmp_path, options=options)


def test_origins_that_do_not_serve_are_refused(
    tmp_path: Path, twin: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    def refused(message: str, spec: cells.NetworkSpec = tiny_spec, **options: Any) -> None:
        recipe = attrs.evolve(RECIPE, distillation_weight=0.5 if "teacher" in options else 0.0)
        with pytest.raises(search.CheckpointError, match=message):
            search.train(spec, recipe, data, tmp_path / "out", options=search.RunOptions(**options))

    refused("cannot be read as a checkpoint", initial=tmp_path / "absent.pt")
    refused(
        "of the network that is to be trained", attrs.evolve(tiny_spec, channels=8), initial=twin
    )
    refused("missing", initial=twin.parent / "checkpoint.pt")
    other = search.load_checkpoint(twin)
    spec = attrs.evolve(tiny_spec, num_classes=5)
    torch.save({**other, "spec": spec.to_json()}, tmp_path / "odd.pt")
    refused("holds no network", initial=tmp_path / "odd.pt")
    state = cells.nn.Network(spec, binarize="none").state_dict()
    torch.save({**other, "spec": spec.to_json(), "model": state}, tmp_path / "five.pt")
    refused("must have 2 classes to teach", teacher=tmp_path / "five.pt")


@pytest.mark.parametrize("binarize", ["all", "activations", "none"])
def test_averages_restarts_and_all_the_rest_resume_exactly(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData, binarize: Any
) -> None:
    recipe = attrs.evolve(
        RECIPE,
        optimizer="sgd",
        schedule="cosine",
        restart_epochs=1,
        gradient_clip=1.0,
        drop_path=0.3,
        average_decay=0.9,
        mixup_strength=0.2,
        cutmix_strength=1.0,
        label_smoothing=0.1,
        crop_padding=0,
        area=(0.5, 1.0),
        color_jitter=(0.4, 0.4, 0.4, 0.2),
        binarize=binarize,
    )
    search.train(tiny_spec, recipe, data, tmp_path / "whole")
    stop = search.RunOptions(time_limit_s=0)
    while not search.train(tiny_spec, recipe, data, tmp_path / "cut", options=stop).completed:
        pass
    first = search.load_checkpoint(tmp_path / "whole" / "final.pt")
    second = search.load_checkpoint(tmp_path / "cut" / "final.pt")
    for name, value in first["model"].items():
        assert torch.equal(second["model"][name], value), name
    assert first["holdout_top1"] == second["holdout_top1"]


def test_memory_that_does_not_suffice_says_which_batch_to_try(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    full_memory: Callable[..., None],
) -> None:
    monkeypatch.setattr(epoch_module, "train_step", full_memory)
    with pytest.raises(search.OutOfMemoryError, match="try `batch_size` = 8") as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path)
    assert caught.value.batch_size == 16
    assert "20 MiB" in str(caught.value)
