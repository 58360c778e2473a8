"""The scales of reproductions, and what they say of recipes and networks."""

from __future__ import annotations

import attrs
import pytest

from bnas import search
from bnas.tools.reproduce import SCALES, ScaleError, load_scale
from bnas.tools.reproduce.device import choose_scale_and_device
from bnas.tools.reproduce.subjects import SUBJECTS


@pytest.mark.parametrize("name", SCALES)
def test_a_scale_fits_its_recipe_and_the_networks(name: str) -> None:
    scale = load_scale(name)
    fields = search.load_recipe(scale.recipe).to_dict()
    assert scale.changes.keys() <= {field.name for field in attrs.fields(search.Recipe)}
    recipe = search.Recipe.from_dict({**fields, **scale.changes, "epochs": scale.epochs})
    assert scale.first_frame <= scale.epochs
    assert len(set(scale.seeds)) == len(scale.seeds) > 0
    if scale.train_images is not None:
        assert recipe.batch_size <= scale.train_images
    known = {name for subject in SUBJECTS.values() for name in (subject.key, subject.model)}
    assert scale.channels.keys() | scale.num_cells.keys() <= known
    for subject in SUBJECTS.values():
        assert subject.spec(scale).num_classes == 10
        assert subject.spec(scale).input_size == 32


def test_only_the_paper_s_scale_is_the_paper_s() -> None:
    paper = load_scale("paper")
    assert (paper.epochs, paper.first_frame, paper.frame_step) == (600, 100, 10)
    assert not paper.is_reduced
    assert (paper.train_images, paper.test_images, paper.channels) == (None, None, {})
    assert all(load_scale(name).is_reduced for name in SCALES if name != "paper")
    costs = [load_scale(n).epochs * (load_scale(n).train_images or 50_000) for n in SCALES]
    assert costs == sorted(costs)


def test_an_unknown_scale_lists_those_there_are() -> None:
    with pytest.raises(ScaleError, match=r"`scale` must be one of .*quick.* \(got 'huge'\)"):
        load_scale("huge")


def test_a_scale_without_epochs_is_refused() -> None:
    with pytest.raises(ScaleError, match=r"`epochs` must be at least 1 \(got 0\)"):
        attrs.evolve(load_scale("quick"), epochs=0)


def test_the_default_scale_is_that_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_scale_and_device("fig4", None, None) == (load_scale("reduced"), "cpu")
    assert choose_scale_and_device("fig4", "paper", "cpu") == (load_scale("paper"), "cpu")
    assert choose_scale_and_device("table1", None, None) == (load_scale("reduced"), "cpu")


def test_a_gpu_trains_as_the_paper_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    chosen = []

    def choose(name: str | None, recipe: search.Recipe) -> str:
        chosen.append((name, recipe.engine))
        return name or "cuda"

    monkeypatch.setattr("bnas.search.device.choose_device", choose)
    assert choose_scale_and_device("all", None, None) == (load_scale("paper"), "cuda")
    assert choose_scale_and_device("all", None, "cuda:1") == (load_scale("paper"), "cuda:1")
    assert choose_scale_and_device("all", None, "cpu") == (load_scale("reduced"), "cpu")
    assert chosen == [(None, "compiled"), ("cuda:1", "compiled"), ("cpu", "fused")]
