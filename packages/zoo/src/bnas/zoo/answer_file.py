"""`AnswerFile`: answers on the disk, to which one process at a time adds others."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs
from attrs import frozen
from filelock import FileLock, Timeout

from bnas.zoo.errors import AnswersError, SaveError
from bnas.zoo.network import Prediction

#: How long somebody who has written the last answer may need to close the file, in seconds.
_CLOSING_S = 30.0


@frozen
class Answer:
    """What a network says of a photo.

    Attributes:
        path: The photo, as it was named; bytes that are no UTF-8 as escapes.
        model: The network.
        top: Its classes, the likeliest first.
    """

    path: str
    model: str
    top: tuple[Prediction, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON and Parquet know it."""
        top = [attrs.asdict(each) for each in self.top]
        return {"path": self.path, "model": self.model, "top": top}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return what `to_dict` was made of."""
        top = tuple(Prediction(**each) for each in content["top"])
        return cls(content["path"], content["model"], top)


@frozen
class Known:
    """What is read again of an answer.

    Attributes:
        path: The photo.
        model: The network.
        classes: Their indices, the likeliest first.
    """

    path: str
    model: str
    classes: tuple[int, ...]


def photo_name(path: Path) -> str:
    """Return a path as text that any file can hold."""
    return str(path).encode("utf-8", "backslashreplace").decode()


class AnswerFile(ABC):
    """A context in which answers are added to those that are there.

    Whatever ends it, the answers that have been written are whole.

    Args:
        path: Where they are, or will be.
        model: The network that gives them; a file with answers of another one is left as it is.

    Attributes:
        photos: Those that had answers when the context was entered, and the classes told of each.
    """

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self.model = model
        self.photos: dict[str, tuple[int, ...]] = {}
        # Of the file itself: a link to it is no second one.
        self._lock = FileLock(f"{os.path.realpath(path)}.lock")

    @abstractmethod
    def read(self) -> Iterator[Known]:
        """Yield all answers that are there, and change nothing.

        Raises:
            AnswersError: Something there is no answer.
        """

    @abstractmethod
    def open(self) -> None:
        """Get ready to write, or raise an OSError; what has been read is known to be answers."""

    @abstractmethod
    def write(self, answers: Sequence[Answer]) -> None:
        """Write answers, or keep them back for a while; or raise an OSError."""

    @abstractmethod
    def close(self) -> None:
        """Write what has been kept back, or raise an OSError."""

    @abstractmethod
    def take_over(self, other: Path) -> None:
        """Add all answers of another file of this kind, and remove it; or raise an OSError."""

    def known(self) -> dict[str, tuple[int, ...]]:
        """Return the photos that have answers, and the classes told of each.

        Raises:
            AnswersError: What is there are no answers, or those of another model.
        """
        found = {}
        for each in self.read():
            if each.model != self.model:
                raise AnswersError(
                    f"{str(self.path)!r} holds answers of {each.model}, not of {self.model}: "
                    "name another file",
                    path=self.path,
                )
            found[each.path] = each.classes
        return found

    def join(self, others: Iterable[Path]) -> None:
        """Take the answers of other files of this kind over, and remove those.

        Raises:
            AnswersError: Another process is writing to one of them.
            SaveError: Something cannot be written; no answer is lost.
        """
        for other in others:
            source = type(self)(other, self.model)
            source._acquire(_CLOSING_S)
            try:
                with self._saving():
                    self.take_over(other)
            finally:
                source._unlock()

    def add(self, answers: Sequence[Answer]) -> None:
        """Add answers.

        Raises:
            SaveError: They cannot be written; those before are whole.
        """
        with self._saving():
            self.write(answers)

    def __enter__(self) -> Self:
        """Keep other processes out, read, then open.

        Raises:
            AnswersError: Another process is writing, or what is there are no answers, or those of
                another model.
            SaveError: Nothing can be written there.
        """
        self._acquire(0)
        try:
            self.photos = self.known()
            with self._saving():
                self.open()
        except BaseException:
            self._unlock()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        try:
            with self._saving():
                self.close()
        finally:
            self._unlock()

    def _acquire(self, timeout_s: float) -> None:
        try:
            with self._saving():
                self._lock.acquire(timeout=timeout_s)
        except Timeout as error:
            raise AnswersError(
                f"another process is writing to {str(self.path)!r}", path=self.path
            ) from error

    @contextlib.contextmanager
    def _saving(self) -> Iterator[None]:
        """Say of an error of the disk what it means."""
        try:
            yield
        except Timeout:
            raise  # An OSError too.
        except OSError as error:
            raise SaveError(
                f"cannot write to {str(self.path)!r} ({error.strerror or error}); the answers "
                "before are whole",
                path=self.path,
            ) from error

    def _unlock(self) -> None:
        # Before the release, so that the file that goes is never one that another has locked.
        with contextlib.suppress(OSError):
            Path(self._lock.lock_file).unlink()
        self._lock.release()
