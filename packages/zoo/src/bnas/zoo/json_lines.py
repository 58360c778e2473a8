"""`JsonLines`: answers as a JSON document a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from bnas.zoo.answer_file import Answer, AnswerFile, Known
from bnas.zoo.errors import AnswersError

#: How every line begins.
_BEGINNING = b'{"path": "'


class JsonLines(AnswerFile):
    """Keys of a line: ``path``, ``model``, ``top`` (list of ``label``, ``index``, ``confidence``).

    A last line that was cut off, by a kill in the middle of a write, is written anew.
    """

    _file: BinaryIO
    #: Bytes of whole lines, and whether the last of them lacks its end.
    _whole_bytes = 0
    _lacks_end = False

    def read(self) -> Iterator[Known]:
        """Yield what every line says that is whole."""
        self._whole_bytes, self._lacks_end = 0, False
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                is_last = not line.endswith(b"\n")
                found = _parsed(line)
                if found is not None:
                    yield found
                elif is_last and (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
                    return  # Cut off.
                elif line.strip():
                    raise AnswersError(
                        f"line {number} of {str(self.path)!r} is no answer of a network: name "
                        "another file",
                        path=self.path,
                    )
                self._whole_bytes += len(line)
                self._lacks_end = is_last

    def open(self) -> None:
        """Drop a line that was cut off."""
        self._file = self.path.open("r+b" if self.path.exists() else "wb")
        self._file.truncate(self._whole_bytes)
        self._file.seek(self._whole_bytes)
        if self._lacks_end:
            self._file.write(b"\n")

    def write(self, answers: Sequence[Answer]) -> None:
        """Add a line for each."""
        lines = (json.dumps(each.to_dict()) + "\n" for each in answers)
        self._file.write("".join(lines).encode())
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def take_over(self, other: Path) -> None:
        """Add the lines of photos that have none here, then remove the other file."""
        with other.open("rb") as lines:
            for line in lines:
                found = _parsed(line)
                if found is not None and found.path not in self.photos:
                    self.photos[found.path] = found.classes
                    self._file.write(line.rstrip() + b"\n")
        self._file.flush()
        other.unlink()


def _parsed(line: bytes) -> Known | None:
    """Return what a line says; None if it is no answer."""
    try:
        record = json.loads(line)
        path, model = record["path"], record["model"]
        classes = tuple(each["index"] for each in record["top"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    fits = isinstance(path, str) and isinstance(model, str)
    is_answer = fits and all(type(each) is int for each in classes)
    return Known(path, model, classes) if is_answer else None
