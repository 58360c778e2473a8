"""Files of answers that grow while photos are classified, and are gone on with: JSON or Parquet.

Whatever ends a run, the answers that it has written are whole, and the next run adds the others.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

import attrs
from attrs import frozen

from bnas.cells.atomic_file import draft_of, remove_drafts
from bnas.zoo.errors import AnswersError, MissingExtraError
from bnas.zoo.network import Prediction

#: Photos of one Parquet file: some hundred kilobytes.
PART_PHOTOS = 4096
#: Bytes that are read at a time to find the last end of a line.
_BLOCK_BYTES = 1 << 16


@frozen
class Answer:
    """What a network says of a photo, or why it says nothing.

    Attributes:
        path: The photo, as it was named; bytes that are no UTF-8 as escapes.
        model: Name and tag of the network.
        top: Its classes, the likeliest first; none if it cannot be read.
        error: Why it cannot be read; None if it can.
    """

    path: str
    model: str
    top: tuple[Prediction, ...]
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON and Parquet know it."""
        return {
            "path": self.path,
            "model": self.model,
            "top": [attrs.asdict(each) for each in self.top],
            "error": self.error,
        }


class AnswerFile(ABC):
    """Answers on the disk; a context that is entered by one process at a time.

    Args:
        path: Where they are, or will be.
        model: Name and tag of the network that gives them; answers of another are refused.
    """

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self.model = model

    @abstractmethod
    def read(self) -> Iterator[tuple[str, str]]:
        """Yield path and model of all answers that are there.

        Raises:
            AnswersError: Something there is no answer.
        """

    @abstractmethod
    def open(self) -> None:
        """Get ready to write."""

    @abstractmethod
    def write(self, answers: Sequence[Answer]) -> None:
        """Add answers.

        Raises:
            OSError: They cannot be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Write what has been kept back."""

    def answered(self) -> set[str]:
        """Return the photos that have answers.

        Raises:
            AnswersError: They are those of another model, or something there is no answer.
        """
        photos = set()
        for path, model in self.read():
            if model != self.model:
                raise AnswersError(
                    f"{str(self.path)!r} holds answers of {model}, not of {self.model}: "
                    "name another file",
                    path=self.path,
                )
            photos.add(path)
        return photos

    def __enter__(self) -> Self:
        """Open it, for this process alone."""
        from filelock import FileLock, Timeout

        self._lock = FileLock(f"{self.path}.lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise AnswersError(
                f"another process is writing to {str(self.path)!r}", path=self.path
            ) from error
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        try:
            self.close()
        finally:
            self._lock.release()


class JsonLines(AnswerFile):
    """A JSON document a line; a last line that was cut off is written anew."""

    _file: BinaryIO

    def read(self) -> Iterator[tuple[str, str]]:
        """Yield path and model of every whole line."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    record = json.loads(line)
                    yield str(record["path"]), str(record["model"])
                except (ValueError, TypeError, KeyError) as error:
                    raise AnswersError(
                        f"line {number} of {str(self.path)!r} is no answer of a network: name "
                        "another file",
                        path=self.path,
                    ) from error

    def open(self) -> None:
        """Drop a line that was cut off."""
        self._file = self.path.open("a+b")
        end = self._file.tell()
        while end:
            start = max(end - _BLOCK_BYTES, 0)
            self._file.seek(start)
            newline = self._file.read(end - start).rfind(b"\n")
            end = start + newline + 1 if newline >= 0 else start
            if newline >= 0:
                break
        self._file.truncate(end)
        self._file.seek(end)

    def write(self, answers: Sequence[Answer]) -> None:
        """Add a line for each."""
        lines = (json.dumps(each.to_dict()) + "\n" for each in answers)
        self._file.write("".join(lines).encode())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ParquetParts(AnswerFile):
    """A directory of Parquet files, each of which is written whole or not at all.

    Columns: path, model, error: string; top: list of struct (label: string, index: int64,
    confidence: float64). DuckDB, pandas, Polars and Spark read the directory as one table.
    """

    def __init__(self, path: Path, model: str) -> None:
        super().__init__(path, model)
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("Parquet files", "parquet") from error
        self._arrow, self._parquet = pyarrow, pyarrow.parquet
        self._kept: list[Answer] = []
        self._parts = 0

    def read(self) -> Iterator[tuple[str, str]]:
        """Yield path and model of every row."""
        for part in self._files():
            try:
                table = self._parquet.read_table(part, columns=["path", "model"])
            except (OSError, ValueError) as error:
                raise AnswersError(
                    f"{str(part)!r} is no file of answers ({error})", path=part
                ) from error
            yield from zip(*(column.to_pylist() for column in table.columns), strict=True)

    def open(self) -> None:
        """Make the directory."""
        self.path.mkdir(parents=True, exist_ok=True)
        remove_drafts(self.path)
        numbers = [int(part.stem.removeprefix("part-")) for part in self._files()]
        self._parts = max(numbers, default=-1) + 1

    def write(self, answers: Sequence[Answer]) -> None:
        """Keep them until a part is full."""
        self._kept += answers
        while len(self._kept) >= PART_PHOTOS:
            self._write_part(self._kept[:PART_PHOTOS])
            del self._kept[:PART_PHOTOS]

    def close(self) -> None:
        """Write the last part."""
        if self._kept:
            self._write_part(self._kept)
            self._kept = []

    def _files(self) -> list[Path]:
        return sorted(self.path.glob("part-[0-9]*.parquet"))

    def _write_part(self, answers: Sequence[Answer]) -> None:
        arrow = self._arrow
        one = [("label", arrow.string()), ("index", arrow.int64()), ("confidence", arrow.float64())]
        schema = arrow.schema(
            [
                ("path", arrow.string()),
                ("model", arrow.string()),
                ("top", arrow.list_(arrow.struct(one))),
                ("error", arrow.string()),
            ]
        )
        table = arrow.Table.from_pylist([each.to_dict() for each in answers], schema)
        with draft_of(self.path / f"part-{self._parts:06}.parquet") as file:
            self._parquet.write_table(table, file)
        self._parts += 1


def answer_file(path: str | os.PathLike[str], model: str) -> AnswerFile:
    """Return the file of answers that a name stands for.

    Args:
        path: Ends in ``.jsonl``, or in ``.parquet`` for a directory of Parquet files.
        model: Name and tag of the network.

    Raises:
        AnswersError: It ends otherwise, or is something else.
        MissingExtraError: Parquet is wanted without pyarrow.
    """
    path = Path(path)
    kinds: dict[str, type[AnswerFile]] = {".jsonl": JsonLines, ".parquet": ParquetParts}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise AnswersError(
            f"answers go to a name that ends in {' or '.join(kinds)} (got {str(path)!r})", path=path
        )
    fits = path.is_dir() if kind is ParquetParts else path.is_file()
    if path.exists() and not fits:
        wanted = "a directory" if kind is ParquetParts else "a file"
        raise AnswersError(f"{str(path)!r} is not {wanted}: name another place", path=path)
    return kind(path, model)
