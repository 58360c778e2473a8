"""`LossWatch`: notices that the loss, finite as it is, has exploded and does not come back."""

from __future__ import annotations

import math

from attrs import define, field

from bnas.search.recipe import Recipe

#: A loss above so many times that of guessing is an alarm.
TOO_HIGH = 10.0
#: So many steps that are better than guessing, on average, end it.
RECOVERY_STEPS = 20
#: An alarm of so many steps is an explosion.
PATIENCE_STEPS = 200


@define
class LossWatch:
    """Raises an alarm at a loss ten times that of guessing, and waits for the network to come back.

    It has come back when the loss of 20 steps, none of them an alarm of its own, is on average
    below that of guessing. If it has not within 200 steps, the training has exploded.

    No healthy training meets that, whatever its recipe. A network that says the same of every image
    has the loss ln(classes), smoothed and mixed labels or not. Ten times as much gives the right
    class a probability of classes^-10, 1e-10 for CIFAR-10. A warm-up begins next to guessing, since
    features are normalised and the classifier's weights small, and has the smallest steps of all:
    it raises no alarm, however long it stays at guessing. A bad batch raises one, and the 20 steps
    after it end it.

    Both bounds are needed. An explosion of BNAS-Mini with `reduction_skip` = "pool", at ten times a
    rate that is too high for it already (6,000 images of CIFAR-10 at 16x16), looks so: at every
    tenth step or so a loss of 20 to 40,000, at those between 1.0 to 1.3 times that of guessing,
    weights of thousands, and guessing for good from the seventh epoch on. A limit for steps in a
    row would never be met, and a limit for a mean also by one bad batch. Where nothing exploded the
    largest loss of a step was 1.17 times guessing (the same network at 5e-2), and 1.08 times (the
    published one at 5e-2 without a warm-up).

    While there is an alarm nothing is saved. So the checkpoint that an explosion leaves is of
    before it began, and what goes on from a checkpoint begins without an alarm, as it was saved.

    Attributes:
        guessing: The loss of guessing, in nats.
        steps: Of the alarm, the one that raised it included; 0 for none.
        since: Epoch and step, both from 0, that raised it; of looks that are far between, the first
            step that may have.
    """

    guessing: float
    steps: int = field(default=0, init=False)
    since: tuple[int, int] = field(default=(0, 0), init=False)
    _total: float = field(default=0.0, init=False)
    _sum: float = field(default=0.0, init=False)
    _summed: int = field(default=0, init=False)

    @property
    def limit(self) -> float:
        """The loss above which there is an alarm."""
        return TOO_HIGH * self.guessing

    @property
    def calm(self) -> bool:
        """Whether there is no alarm."""
        return self.steps == 0

    @property
    def mean_loss(self) -> float:
        """The mean loss of the steps of the alarm; 0 without one."""
        return self._total / max(self.steps, 1)

    @property
    def exploded(self) -> bool:
        """Whether the alarm has lasted too long."""
        return self.steps >= PATIENCE_STEPS

    def judge(self, loss: float, steps: int) -> tuple[bool, bool]:
        """Return whether there is an alarm, and whether the loss is still no better than guessing.

        Args:
            loss: Mean of the steps since the last look, in this process.
            steps: How many they are.
        """
        alarming = loss > self.limit
        mean = (self._sum + loss * steps) / (self._summed + steps)
        return alarming, mean >= self.guessing

    def look(
        self, loss: float, steps: int, began: tuple[int, int], *, alarming: bool, lost: bool
    ) -> None:
        """Take the steps since the last look into account.

        Args:
            loss: As for `judge`.
            steps: As for `judge`.
            began: Epoch and step of the first of them.
            alarming: The first judgement, in any process.
            lost: The second one, in any process.
        """
        if self.calm and not alarming:
            return
        if self.calm:
            self.since, self._total = began, 0.0
        self.steps, self._total = self.steps + steps, self._total + loss * steps
        self._sum, self._summed = self._sum + loss * steps, self._summed + steps
        enough = self._summed >= RECOVERY_STEPS
        if enough and not alarming and not lost:
            self.steps, self._total = 0, 0.0
        if enough or alarming:
            self._sum, self._summed = 0.0, 0


def watch_of(recipe: Recipe, classes: int) -> LossWatch:
    """Return the watch over the loss of a run.

    Args:
        recipe: Says how much of the loss is a teacher's, and at which temperature T.
        classes: At least two.
    """
    return LossWatch(guessing_loss(recipe, classes))


def guessing_loss(recipe: Recipe, classes: int) -> float:
    """Return the loss of a network that gives all classes the same probability, in nats.

    Of the cross entropy, ln(classes). Of the distillation, T^2 * (ln(classes) - the entropy of the
    teacher), of which this is the upper bound T^2 * ln(classes).

    Args:
        recipe: As for `watch_of`.
        classes: At least two.
    """
    taught = recipe.distillation_weight
    return (1 - taught + taught * recipe.distillation_temperature**2) * math.log(classes)
