"""`Context`: what all targets of one reproduction share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from attrs import field, frozen

from bnas.tools.reproduce.scale import Scale

_Value = TypeVar("_Value")


@frozen(kw_only=True)
class Context:
    """Where a reproduction reads and writes, how large it is, and what it has found so far.

    Attributes:
        scale: Its size.
        out_dir: Where pages, pictures and CSV files go; trainings go to its folder ``runs``.
        data_dir: Holds ``train`` and ``test`` of CIFAR-10; None for the sample that comes with
            bnas-search.
        skip_corrupt: Leave images out that cannot be decoded.
        device: Of trainings, such as ``"cpu"``.
        workers: Trainings at once.
        time_limit_s: For all trainings together; None for no limit.
        tell: Called with a line whenever something begins.
    """

    scale: Scale
    out_dir: Path
    data_dir: Path | None = None
    skip_corrupt: bool = False
    device: str = "cpu"
    workers: int = 1
    time_limit_s: float | None = None
    tell: Callable[[str], None] = field(default=lambda line: None, eq=False)
    _begun: float = field(factory=time.monotonic, init=False, eq=False, repr=False)
    _found: dict[object, Any] = field(factory=dict, init=False, eq=False, repr=False)

    def once(self, key: object, find: Callable[[], _Value]) -> _Value:
        """Return what `find` finds, which is called once for a key in a reproduction.

        Targets share what they measure and train: a network is timed for one table, not for each.

        Args:
            key: Hashable; of one finding.
            find: What to do.
        """
        if key not in self._found:
            self._found[key] = find()
        value: _Value = self._found[key]
        return value

    def knows(self, key: object) -> bool:
        """Return whether something was found for a key."""
        return key in self._found

    def keep(self, key: object, value: object) -> None:
        """Keep what was found together with something else, for `found` and `once`."""
        self._found[key] = value

    def found(self, key: object) -> Any:
        """Return what was found for a key that `knows` knows."""
        return self._found[key]

    @property
    def is_reduced(self) -> bool:
        """Whether trainings are smaller than the paper's, or on a sample."""
        return self.scale.is_reduced or self.data_dir is None

    def time_left(self) -> float | None:
        """Return the seconds until the time limit, at least 0; None for no limit."""
        if self.time_limit_s is None:
            return None
        return max(self._begun + self.time_limit_s - time.monotonic(), 0.0)

    def path(self, file: str) -> Path:
        """Return where a file of the output lies."""
        return self.out_dir / file
