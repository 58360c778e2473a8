"""`run_epoch`: the loop over the steps of an epoch, which looks, saves and stops in between."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from bnas.search.clock import Clock
from bnas.search.history import StepMetrics
from bnas.search.long_run import LongRun

#: Seconds between checkpoints within an epoch; one of BNAS-Mini takes about 0.1 s to write.
CHECKPOINT_INTERVAL_S = 120.0
#: Steps between two looks at the loss. On a GPU a look waits for all work that is under way.
LOOK_INTERVAL_CPU, LOOK_INTERVAL_GPU = 1, 20


def run_epoch(
    run: LongRun,
    deadline: float | None,
    *,
    images: int,
    step: Callable[[], Tensor],
    show: Callable[[StepMetrics], None],
    end: Callable[[float, float], None],
    losses: Sequence[str] = ("the loss",),
) -> bool:
    """Run to the end of the epoch.

    Args:
        run: Changed in place.
        deadline: Monotonic time in seconds after which to save and to stop; None for none.
        images: That a step meets, in all processes.
        step: Makes a step and returns its loss, a scalar of the device.
        show: Called after every look with the measurements of the step before.
        end: Called after the last step with images per second and the seconds of the epoch.
        losses: What the losses of a step are called, as `recent_loss` has them.

    Returns:
        False if the deadline came first.

    Raises:
        DivergenceError: A loss or a parameter is not finite, or the loss has exploded; the last
            good checkpoint is kept.
        CheckpointError: A checkpoint cannot be written.
        Exception: Whatever `step`, `show` and `end` raise.
    """
    steps, first = run.steps_per_epoch, run.step
    interval = LOOK_INTERVAL_GPU if run.device.type == "cuda" else LOOK_INTERVAL_CPU
    run.training.train()
    clock = Clock(deadline, looked_steps=first)
    while run.step < steps:
        loss = step()
        run.step += 1
        clock.images += images
        if run.step % interval and run.step < steps:
            continue
        value, late, due = _look(run, loss, clock, losses)
        show(
            StepMetrics(
                epoch=run.epoch,
                step=run.step - 1,
                steps_per_epoch=steps,
                learning_rate=run.optimizer.param_groups[0]["lr"],
                loss=value,
                images_per_s=clock.look(run.step),
            )
        )
        # At the end of an epoch it is saved anyway.
        if late or (due and run.step < steps):
            run.save(run.seconds + time.monotonic() - clock.begun)
            clock.saved = time.monotonic()
        if late:
            return False
    elapsed = max(time.monotonic() - clock.begun, 1e-9)
    end((steps - first) * images / elapsed, run.seconds + elapsed)
    return True


def _look(
    run: LongRun, loss: Tensor, clock: Clock, names: Sequence[str]
) -> tuple[float, bool, bool]:
    """Wait for the loss of the step before and check it, and those since the last look.

    Returns:
        The loss; whether to save and to stop; whether to save. All processes get the same two
        decisions, and the same error: none waits in a sum for one that has stopped. While there is
        an alarm about the loss both are no: what is saved then would take the place of the last
        good checkpoint, and soon it has come back or is an error.
    """
    value, *totals = torch.cat([loss.double()[None], run.recent_loss.reshape(-1)]).tolist()
    run.recent_loss.zero_()
    steps = run.step - clock.looked_steps
    mean = totals[0] / steps
    alarming, lost = run.watch.judge(mean, steps)
    alarming, lost, late, due, *wrong = run.processes.any_of(
        alarming,
        lost,
        clock.late(),
        clock.save_due(CHECKPOINT_INTERVAL_S),
        *(not math.isfinite(total) for total in totals),
    )
    if any(wrong):
        # What comes first in a step comes last here, and spoils the others too.
        named = [name for name, is_wrong in zip(names, wrong, strict=True) if is_wrong]
        raise run.divergence(named[-1], clock.looked_steps)
    began = (run.epoch, clock.looked_steps)
    run.watch.look(mean, steps, began, alarming=alarming, lost=lost)
    if run.watch.exploded:
        raise run.explosion()
    return value, late and run.watch.calm, due and run.watch.calm


@contextlib.contextmanager
def ended_epoch(run: LongRun, record: object, *, interval_s: float = 0.0) -> Iterator[None]:
    """Count an epoch as finished, report it in the block, then write the checkpoint.

    A kill before that makes the next process report the epoch again, or several where `interval_s`
    is not 0: their events take the place of the older ones, which is harmless. The other way round,
    the events would be missing for good.
    While there is an alarm about the loss no checkpoint is written, but for that of the last epoch:
    no later step could say whether it comes back.

    Args:
        run: Changed in place.
        record: Of the epoch.
        interval_s: Seconds since the last checkpoint, below which none is written but for that of
            the last epoch.
    """
    run.tally.zero_()
    run.history.append(record)
    run.epoch, run.step, run.sound_steps, run.seconds = run.epoch + 1, 0, 0, 0.0
    reported = False
    try:
        yield
        reported = True
    finally:
        # Whatever the report raises, Ctrl-C for instance, costs no epoch.
        due = not reported or time.monotonic() - run.written >= interval_s
        (due,) = run.processes.any_of(due)
        if (run.watch.calm and due) or run.epoch == run.epochs:
            run.write(0.0, ends_epoch=True)
