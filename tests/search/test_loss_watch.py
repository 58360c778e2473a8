"""A loss that explodes without ceasing to be finite: when it stops a run, and when it does not."""

from __future__ import annotations

import math
from pathlib import Path

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.search import epoch as epoch_module
from bnas.search import epoch_loop, loss_watch
from bnas.search.loss_watch import (
    PATIENCE_STEPS,
    RECOVERY_STEPS,
    LossWatch,
    guessing_loss,
)
from bnas.search.objective import objective
from bnas.search.run import Run

#: 12 steps an epoch of the 50 images.
RECIPE = search.Recipe(epochs=3, batch_size=4, learning_rate=5e-3, crop_padding=1)
STEPS = 12
#: Of an alarm, until it is an explosion; and of losses that end it.
PATIENCE, RECOVERY = 8, 3
GUESSING, FINE, EXPLODED = math.log(2), 0.3, 1e6


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """Return the losses of the run by step, from 0, to be filled in; fine where there is none."""
    plain_step = epoch_module.train_step
    told: dict[int, float] = {}

    def step(run: Run, order: torch.Tensor) -> torch.Tensor:
        number = run.epoch * run.batches.steps_per_epoch + run.step
        before = run.recent_loss.clone()
        plain_step(run, order)
        loss = torch.tensor(told.get(number, FINE))
        run.recent_loss = before + loss
        return loss

    monkeypatch.setattr(epoch_module, "train_step", step)
    monkeypatch.setattr(loss_watch, "PATIENCE_STEPS", PATIENCE)
    monkeypatch.setattr(loss_watch, "RECOVERY_STEPS", RECOVERY)
    # After every step, so that nothing but the watch keeps a checkpoint from being written.
    monkeypatch.setattr(epoch_loop, "CHECKPOINT_INTERVAL_S", 0.0)
    return told


def position(directory: Path) -> tuple[int, int]:
    state = search.load_checkpoint(directory / "checkpoint.pt")
    return state["epoch"], state["step"]


@pytest.mark.parametrize("first", [5, STEPS - 2, STEPS])  # Within an epoch; over its end; with it.
@pytest.mark.parametrize("rest", [EXPLODED, GUESSING])
def test_an_explosion_stops_the_run_and_leaves_the_checkpoint_of_before(
    first: int,
    rest: float,
    losses: dict[int, float],
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    losses.update({step: rest for step in range(first, 3 * STEPS)} | {first: EXPLODED})
    with pytest.raises(search.ExplosionError) as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path)
    error = caught.value
    assert isinstance(error, search.DivergenceError)
    assert (error.epoch, error.step) == divmod(first, STEPS)
    mean = (EXPLODED + (PATIENCE - 1) * rest) / PATIENCE
    assert (error.steps, error.loss) == (PATIENCE, pytest.approx(mean))
    assert error.limit == pytest.approx(10 * GUESSING)
    assert error.checkpoint == tmp_path / "checkpoint.pt"
    assert position(tmp_path) == divmod(first, STEPS)
    told = str(error)
    assert f"epoch {error.epoch}, step {error.step} (both from 0)" in told
    assert f"the last good checkpoint is {error.checkpoint}" in told
    assert "Lower `learning_rate` or set `gradient_clip`" in told


def test_spikes_with_guessing_in_between_are_an_explosion(
    losses: dict[int, float],
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    losses.update({step: 1.3 * GUESSING for step in range(5, 3 * STEPS)})
    losses.update({step: EXPLODED for step in range(5, 3 * STEPS, 5)})
    losses[7] = FINE  # Which a lucky batch does not end.
    with pytest.raises(search.ExplosionError) as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path)
    assert (caught.value.epoch, caught.value.step) == (0, 5)


def test_an_explosion_from_the_start_leaves_nothing(
    losses: dict[int, float],
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    losses.update({step: EXPLODED for step in range(3 * STEPS)})
    with pytest.raises(search.ExplosionError, match="no checkpoint yet") as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path)
    assert caught.value.checkpoint is None
    assert not (tmp_path / "checkpoint.pt").exists()


def test_bad_batches_and_a_loss_that_stays_at_guessing_stop_nothing(
    losses: dict[int, float],
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    losses.update({step: 9 * GUESSING for step in range(STEPS)})  # Bad, but no alarm.
    # Every alarm ends after three fine steps, the last but one with the patience.
    losses.update({step: EXPLODED for step in (STEPS, STEPS + 4, *range(20, 25), 30)})
    assert search.train(tiny_spec, RECIPE, data, tmp_path).completed
    assert position(tmp_path) == (3, 0)


def test_a_time_limit_waits_until_it_has_come_back(
    losses: dict[int, float],
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    # Past the end of an epoch, which is not saved.
    losses.update({step: EXPLODED for step in range(STEPS - 2, STEPS + 2)})
    stop = search.RunOptions(time_limit_s=0)
    positions = []
    for _ in range(STEPS - 1):
        assert not search.train(tiny_spec, RECIPE, data, tmp_path, options=stop).completed
        positions.append(position(tmp_path))
    back = 2 + RECOVERY
    assert positions == [(0, step) for step in range(1, STEPS - 1)] + [(1, back)]
    history = search.load_checkpoint(tmp_path / "checkpoint.pt")["history"]
    assert [record["epoch"] for record in history] == [0]


def test_the_last_epoch_is_kept_since_nothing_comes_after_it(
    losses: dict[int, float],
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    losses.update({step: EXPLODED for step in range(3 * STEPS - 3, 3 * STEPS)})
    assert search.train(tiny_spec, RECIPE, data, tmp_path).completed
    assert position(tmp_path) == (3, 0)


def test_looks_that_are_far_between_count_all_their_steps(
    monkeypatch: pytest.MonkeyPatch,
    losses: dict[int, float],
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
) -> None:
    monkeypatch.setattr(epoch_loop, "LOOK_INTERVAL_CPU", 5)
    losses.update({step: EXPLODED for step in range(6, 3 * STEPS)})
    with pytest.raises(search.ExplosionError) as caught:
        search.train(tiny_spec, RECIPE, data, tmp_path)
    # Looks after 5, 10 and 12 steps of an epoch, then 5 of the next.
    assert (caught.value.epoch, caught.value.step, caught.value.steps) == (0, 5, 5 + 2 + 5)
    assert position(tmp_path) == (0, 5)


def test_a_real_explosion_is_found(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    recipe = attrs.evolve(
        RECIPE, epochs=40, optimizer="adam", learning_rate=30.0, schedule="linear"
    )
    with pytest.raises(search.ExplosionError) as caught:
        search.train(tiny_spec, recipe, data, tmp_path)
    assert caught.value.steps == PATIENCE_STEPS


def test_an_alarm_ends_with_enough_steps_better_than_guessing_on_average() -> None:
    watch = LossWatch(guessing=2.3)

    def look(loss: float, steps: int = 1) -> None:
        alarming, lost = watch.judge(loss, steps)
        watch.look(loss, steps, (2, 7), alarming=alarming, lost=lost)

    look(23.1)
    assert (watch.steps, watch.since) == (1, (2, 7))
    for _ in range(RECOVERY_STEPS // 2):
        look(1.0)
        assert not watch.calm
        look(3.5)  # 2.25 on average.
    assert watch.calm and watch.mean_loss == 0
    look(23.1)
    assert watch.mean_loss == pytest.approx(23.1)
    for _ in range(RECOVERY_STEPS):
        look(2.4)
    assert watch.steps == 1 + RECOVERY_STEPS
    look(1.0, steps=RECOVERY_STEPS)  # A look of many steps is as good as many.
    assert watch.calm


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_no_targets_and_no_teacher_make_guessing_worse_than_its_bound(weight: float) -> None:
    recipe = search.Recipe(epochs=1, distillation_weight=weight, label_smoothing=0.1)
    source = torch.Generator().manual_seed(0)
    labels = torch.randint(7, (64,), generator=source)
    for sharpness in (0.0, 1.0, 1e3):
        teacher = sharpness * torch.randn((64, 7), generator=source)
        loss = objective(
            torch.zeros(64, 7),
            labels,
            teacher if weight else None,
            label_smoothing=recipe.label_smoothing,
            distillation_weight=recipe.distillation_weight,
            temperature=recipe.distillation_temperature,
        )
        assert float(loss) <= guessing_loss(recipe, 7) * (1 + 1e-6)
    assert guessing_loss(search.Recipe(epochs=1), 7) == pytest.approx(math.log(7))
