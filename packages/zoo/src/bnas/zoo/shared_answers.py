"""`SharedAnswers`: a file of answers that several processes give together, each in a part of it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import field, frozen

from bnas.zoo.answer_file import AnswerFile
from bnas.zoo.answering import answer_file
from bnas.zoo.errors import AnswersError

_Item = TypeVar("_Item")
#: The answers of a photo, by its name: indices of classes, the likeliest first.
Classes = Mapping[str, tuple[int, ...]]

#: Between two looks at what the others have answered, in seconds; longer where looking takes long.
_PAUSE_S = 0.2


@frozen(kw_only=True)
class SharedAnswers:
    """Where answers are kept, and which of the processes that give them this one is.

    Photo number i is that of process i modulo `processes`. Each process writes to a file of its own
    beside `out`, such as ``answers.0-of-2.jsonl``; when all photos have answers, the leading one
    takes them over to `out`. They share nothing but this directory. What any of them has answered
    is never asked again, whatever the number of processes is next time.

    Attributes:
        out: ``NAME.jsonl``, or ``NAME.parquet`` for a directory of Parquet files.
        model: What the answers call the network; answers of another one are refused.
        rank: Number of this process, from 0.
        processes: How many there are.
    """

    out: Path = field(converter=Path)
    model: str
    rank: int = 0
    processes: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that reports."""
        return self.rank == 0

    def share(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """Return those that are this process's."""
        return items[self.rank :: self.processes]

    def own_file(self) -> AnswerFile:
        """Return the file that this process writes to.

        Raises:
            AnswersError: `out` is no name for one, or something else.
            MissingExtraError: Parquet is wanted without pyarrow.
        """
        whole = answer_file(self.out, self.model)
        return whole if self.processes == 1 else answer_file(self._part(), self.model)

    def known(self) -> dict[str, tuple[int, ...]]:
        """Return what all processes together have answered so far.

        Raises:
            AnswersError: Answers of another model, or something else.
        """
        found = {}
        # `out` is the last: what goes there meanwhile is in one or in the other.
        for path in (*self._parts(), self.out):
            try:
                found.update(answer_file(path, self.model).known())
            except FileNotFoundError:
                continue  # It has just been taken over.
        return found

    def wait_for(self, names: Sequence[str], told: Callable[[Classes], None]) -> Classes:
        """Return the answers to all photos, as soon as the other processes have given them.

        Args:
            names: The photos of all.
            told: Called with the answers so far, now and then.
        """
        while True:
            begun = time.monotonic()
            found = self.known()
            if all(name in found for name in names):
                return found
            told(found)
            time.sleep(_PAUSE_S + time.monotonic() - begun)

    def join(self) -> None:
        """Take all parts over to `out`; all photos have answers.

        Raises:
            AnswersError: Another process writes to `out`.
            SaveError: Something cannot be written; no answer is lost.
        """
        parts = self._parts()
        if parts:
            with answer_file(self.out, self.model) as whole:
                whole.join(parts)

    def check(self, names: Sequence[str], classes: int, leading: int, known: Classes) -> None:
        """Refuse answers that are of other photos or classes, or that tell too few classes.

        Args:
            names: The photos that are asked for.
            classes: Of the network.
            leading: Classes that an answer must tell, if there are as many.
            known: The answers.

        Raises:
            AnswersError: There are such; what is there is left as it is.
        """
        others = sorted(known.keys() - set(names))
        if others:
            raise AnswersError(
                f"{str(self.out)!r} holds answers to {len(others):,} other photos "
                f"({others[0]!r}): name another file",
                path=self.out,
            )
        for each in known.values():
            if len(set(each)) < len(each) or not all(0 <= index < classes for index in each):
                raise AnswersError(
                    f"{str(self.out)!r} holds answers that are none of a network of {classes:,} "
                    f"classes ({', '.join(map(str, each))}): name another file",
                    path=self.out,
                )
        at_least = min(leading, classes)
        short = [each for each in known.values() if len(each) < at_least]
        if short:
            raise AnswersError(
                f"{str(self.out)!r} holds answers of {len(short[0])} classes, where "
                f"{at_least} are needed: name another file",
                path=self.out,
            )

    def _part(self) -> Path:
        part = f"{self.out.stem}.{self.rank}-of-{self.processes}{self.out.suffix}"
        return self.out.with_name(part)

    def _parts(self) -> list[Path]:
        """The files of all processes that there are, of this number or of another."""
        named = re.compile(re.escape(self.out.stem) + r"\.\d+-of-\d+" + re.escape(self.out.suffix))
        try:
            names = os.listdir(self.out.parent)
        except OSError:
            return []  # Whoever writes there says so.
        return sorted(self.out.with_name(name) for name in names if named.fullmatch(name))
