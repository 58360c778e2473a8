"""`Tally`: right and wrong answers, counted by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import Factory, define, frozen

#: Among how many of the likeliest classes the right one counts for top-5.
LEADING = 5


@frozen
class Confused:
    """A class that is taken for another.

    Attributes:
        label: Index of the class that photos show.
        answer: Index of the class that they are taken for.
        images: How many of them.
        share: Of the photos of that class, in percent.
    """

    label: int
    answer: int
    images: int
    share: float


@define
class Tally:
    """Counts of answers.

    Attributes:
        pairs: (index of the class, index of the likeliest answer) -> number of photos; those that
            never occur are absent.
        images: Number of photos.
        right: Of these, those whose class is the likeliest answer.
        among_five: Those whose class is among the five likeliest.
    """

    pairs: Counter[tuple[int, int]] = Factory(Counter)
    images: int = 0
    right: int = 0
    among_five: int = 0

    def add(self, label: int, classes: Sequence[int]) -> None:
        """Count an answer.

        Args:
            label: Index of the class that the photo shows.
            classes: Indices of the answered ones, the likeliest first, five or more if there are.
        """
        self.pairs[label, classes[0]] += 1
        self.images += 1
        self.right += label == classes[0]
        self.among_five += label in classes[:LEADING]

    def percent(self, count: int) -> float:
        """Return a number of photos as a share of all; 0 where there are none."""
        return 100 * count / self.images if self.images else 0.0

    def confused(self, most: int) -> list[Confused]:
        """Return the pairs that are confused most often, those first."""
        totals: Counter[int] = Counter()
        for (label, _), count in self.pairs.items():
            totals[label] += count
        wrong = [(-count, pair) for pair, count in self.pairs.items() if pair[0] != pair[1]]
        return [
            Confused(label, answer, -count, 100 * -count / totals[label])
            for count, (label, answer) in sorted(wrong)[:most]
        ]
