"""Errors of `bnas.search`; each is a builtin exception too and carries the values at fault."""

from __future__ import annotations

import copyreg
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def reason_of(error: BaseException) -> str:
    """Return the reason that the operating system gave, if it did; else the error's first line."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        found = found.__context__
    return str(error).partition("\n")[0] or type(error).__name__


class SearchError(Exception):
    """Base of every error that `bnas.search` raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pass from process to process whatever the arguments of the constructor are."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class RecipeError(SearchError, ValueError):
    """A recipe with an unknown field or a value outside its range."""


class ArchParamsError(SearchError, ValueError):
    """Architecture parameters from which no genotype can be derived."""


class SearchSpaceError(SearchError, ValueError):
    """A search space, or a state of its supernet, that does not fit."""


class DataError(SearchError, ValueError):
    """Images that cannot be trained on.

    Attributes:
        path: The file or directory at fault, if there is one.
    """

    def __init__(self, message: str, path: Path | None = None) -> None:
        """Keep the path beside the message."""
        self.path = path
        super().__init__(message)


class CheckpointError(SearchError, ValueError):
    """A checkpoint that is damaged or of another configuration, or a directory for none.

    Attributes:
        path: The checkpoint, or the directory.
        differences: One line for every setting that differs; empty if the file is damaged.
    """

    def __init__(self, message: str, path: Path, differences: Iterable[str] = ()) -> None:
        """Keep the path and the differences beside the message."""
        self.path = path
        self.differences: tuple[str, ...] = tuple(differences)
        super().__init__(message)


class RecordError(SearchError, ValueError):
    """A file of measurements of a run that cannot be read, or holds something else.

    Attributes:
        path: The file.
    """

    def __init__(self, message: str, path: Path) -> None:
        """Keep the path beside the message."""
        self.path = path
        super().__init__(message)


class DivergenceError(SearchError, ArithmeticError):
    """Training that produced a number that is not finite, or exploded.

    Attributes:
        epoch: Epoch of the step at fault, from 0.
        step: Last step within that epoch, from 0, that may be at fault.
        first_step: The first one that may be: not every step is looked at.
        checkpoint: The last good checkpoint, or None if there is none yet.
    """

    def __init__(
        self,
        what: str,
        epoch: int,
        step: int,
        checkpoint: Path | None,
        first_step: int | None = None,
        *,
        fault: str = "is not finite",
        remedy: str = "Lower `learning_rate`, or train in float32",
    ) -> None:
        """Say what is wrong, where, and from where to go on; no `first_step` is `step`."""
        self.epoch = epoch
        self.step = step
        self.first_step: int = step if first_step is None else first_step
        self.checkpoint = checkpoint
        kept = f"the last good checkpoint is {checkpoint}" if checkpoint else "no checkpoint yet"
        if self.first_step == step:
            where = f"at epoch {epoch}, step {step} (both from 0)"
        else:
            where = (
                f"since one of the steps {self.first_step} to {step} of epoch {epoch} (all from 0)"
            )
        super().__init__(f"{what} {fault} {where}; {kept}. {remedy}")


class ExplosionError(DivergenceError):
    """Training whose loss, finite as it is, was far above that of guessing and does not come back.

    Attributes:
        epoch: Epoch of the first step of too high a loss, from 0; likewise `step`, `first_step`.
        steps: How many there were since, that one included.
        loss: Their mean.
        limit: The loss above which the first of them was.
        checkpoint: The last one of before the first of those steps, or None if there is none.
    """

    def __init__(
        self, loss: float, limit: float, since: tuple[int, int], steps: int, checkpoint: Path | None
    ) -> None:
        """Say how bad it is, since when, from where to go on, and what to try."""
        self.steps = steps
        self.loss = loss
        self.limit = limit
        super().__init__(
            "the loss",
            *since,
            checkpoint,
            fault=(
                f"has exploded: it rose above {limit:.3g} and did not come back; it was {loss:.3g} "
                f"on average in the {steps} steps that began"
            ),
            remedy="Lower `learning_rate` or set `gradient_clip`, in a directory of its own",
        )


class MissingExtraError(SearchError, ImportError):
    """An optional dependency that is not installed.

    Attributes:
        extra: The extra of this distribution that brings it, for instance ``"plot"``.
    """

    def __init__(self, what: str, extra: str) -> None:
        """Say what needs it, and how to get it."""
        self.extra = extra
        super().__init__(f"{what} need more: pip install 'bnas-search[{extra}]'")


class OutOfMemoryError(SearchError, MemoryError):
    """A batch that does not fit into the memory of the GPU.

    Attributes:
        batch_size: Images a step.
    """

    def __init__(self, batch_size: int, reason: str) -> None:
        """Say which batch size to try."""
        self.batch_size = batch_size
        super().__init__(
            f"a batch of {batch_size} images does not fit into the memory of the GPU; try "
            f"`batch_size` = {max(batch_size // 2, 2)} ({reason.splitlines()[0] if reason else ''})"
        )


class WorkerError(SearchError, RuntimeError):
    """A process that trained beside others and died, so that nothing is known of its network."""

    def __init__(self) -> None:
        """Say what may have killed it, and that little is lost."""
        super().__init__(
            "a process that trained was killed, or could not start (the memory may be full: try "
            "fewer `workers`); the same command goes on from the last checkpoints"
        )
