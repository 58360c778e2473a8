"""`ParquetParts`: answers as a directory of Parquet files."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bnas.cells.atomic_file import draft_of, remove_drafts
from bnas.zoo.answer_file import Answer, AnswerFile, Known
from bnas.zoo.errors import AnswersError, MissingExtraError

#: Answers of one file, some hundred kilobytes; fewer if they have waited for so many seconds.
PART_ANSWERS = 4096
PART_SECONDS = 30.0
_PART = re.compile(r"part-(\d{6,})\.parquet")


class ParquetParts(AnswerFile):
    """A directory that DuckDB, pandas, Polars and Spark read as one table.

    Columns: path, model: string; top: list of struct (label: string, index: int64, confidence:
    float64).

    Each file is written whole or not at all, when it is full or after `PART_SECONDS`.

    Args:
        path: The directory.
        model: The network.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(self, path: Path, model: str) -> None:
        super().__init__(path, model)
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("Parquet files (pyarrow)", "parquet") from error
        self._arrow, self._parquet = pyarrow, pyarrow.parquet
        one = [("label", "string"), ("index", "int64"), ("confidence", "float64")]
        struct = pyarrow.struct([(name, getattr(pyarrow, kind)()) for name, kind in one])
        text = pyarrow.string()
        self._schema = pyarrow.schema(
            [("path", text), ("model", text), ("top", pyarrow.list_(struct))]
        )
        self._kept: list[Answer] = []
        self._kept_since = 0.0
        self._parts = 0

    def read(self) -> Iterator[Known]:
        """Yield what every row says."""
        for part in self._files():
            try:
                with self._parquet.ParquetFile(part) as file:
                    fits = file.schema_arrow.equals(self._schema)
                    table = file.read() if fits else None
            except FileNotFoundError:
                raise  # Somebody has just taken it over.
            except (OSError, ValueError) as error:
                raise AnswersError(
                    f"{str(part)!r} is no file of answers ({error})", path=part
                ) from error
            if table is None:
                raise AnswersError(
                    f"{str(part)!r} has other columns than answers have: name another directory",
                    path=part,
                )
            for batch in table.to_batches():
                yield from _known(batch)

    def open(self) -> None:
        """Make the directory."""
        self.path.mkdir(parents=True, exist_ok=True)
        remove_drafts(self.path)
        numbers = [int(_PART.fullmatch(part.name)[1]) for part in self._files()]  # type: ignore[index]
        self._parts = max(numbers, default=-1) + 1

    def write(self, answers: Sequence[Answer]) -> None:
        """Keep them until a part is full, or has waited long enough."""
        if not self._kept:
            self._kept_since = time.monotonic()
        self._kept += answers
        while len(self._kept) >= PART_ANSWERS:
            self._write_part(self._kept[:PART_ANSWERS])
            del self._kept[:PART_ANSWERS]
        if self._kept and time.monotonic() - self._kept_since >= PART_SECONDS:
            self.close()

    def close(self) -> None:
        """Write the last part."""
        if self._kept:
            self._write_part(self._kept)
            self._kept = []

    def take_over(self, other: Path) -> None:
        """Move the other directory's files here, each at once, then remove it."""
        for part in ParquetParts(other, self.model)._files():
            part.replace(self._next_part())
        remove_drafts(other)
        other.rmdir()

    def _files(self) -> list[Path]:
        """The parts in order; any other Parquet file makes the directory somebody else's."""
        found = sorted(self.path.glob("*.parquet"))
        others = [part for part in found if not _PART.fullmatch(part.name)]
        if others:
            raise AnswersError(
                f"{str(self.path)!r} holds other files too ({others[0].name!r}): name another "
                "directory",
                path=self.path,
            )
        return found

    def _write_part(self, answers: Sequence[Answer]) -> None:
        rows = [each.to_dict() for each in answers]
        table = self._arrow.Table.from_pylist(rows, self._schema)
        with draft_of(self._next_part()) as file:
            self._parquet.write_table(table, file)

    def _next_part(self) -> Path:
        self._parts += 1
        return self.path / f"part-{self._parts - 1:06}.parquet"


def _known(rows: Any) -> Iterator[Known]:
    """Yield what a record batch says; the columns are read at once, labels not at all."""
    top = rows.column("top")
    ends = top.offsets.to_pylist()
    classes = top.values.field("index").to_pylist()
    paths, models = (rows.column(name).to_pylist() for name in ("path", "model"))
    for path, model, (first, last) in zip(paths, models, itertools.pairwise(ends), strict=True):
        yield Known(path, model, tuple(classes[first:last]))
