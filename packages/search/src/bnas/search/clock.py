"""`Clock`: when a run saves, when it stops, and how fast it is."""

from __future__ import annotations

import time

from attrs import define, field


@define
class Clock:
    """Wall-clock decisions of a process: when to save, and when to stop.

    Attributes:
        deadline: Monotonic time in seconds; None for none.
        begun: When this process began with the epoch.
        saved: When it saved last.
        looked_steps: Steps of the epoch at the last look at the loss.
        looked: When that was.
        images: Met since `looked`.
    """

    deadline: float | None
    looked_steps: int
    begun: float = field(factory=time.monotonic)
    saved: float = field(factory=time.monotonic)
    looked: float = field(factory=time.monotonic)
    images: int = 0

    def late(self) -> bool:
        """Return whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def save_due(self, interval_s: float) -> bool:
        """Return whether more than `interval_s` seconds have passed since it saved last."""
        return time.monotonic() - self.saved > interval_s

    def look(self, step: int) -> float:
        """Return the images per second since the last look, and begin the next one at `step`."""
        now = time.monotonic()
        images_per_s = self.images / max(now - self.looked, 1e-9)
        self.looked, self.looked_steps, self.images = now, step, 0
        return images_per_s
