"""The SHA-256 of a file: what the zoo's index knows a weights file by."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from bnas.zoo.errors import ChecksumError, WeightsFileError


def as_path(value: object, name: str) -> Path:
    """Return a path that somebody named.

    Args:
        value: Text or a path.
        name: Of the argument that it is.

    Raises:
        WeightsFileError: It is no path, or empty.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise WeightsFileError(f"`{name}` must be the path of a file (got {value!r})", path=value)
    return Path(value)


def check_is_file(path: Path) -> None:
    """Refuse what cannot be a weights file; to open a pipe would wait for ever.

    Raises:
        WeightsFileError: Missing, a directory, or no regular file.
    """
    name = repr(str(path))
    try:
        is_there, is_directory, is_file = path.exists(), path.is_dir(), path.is_file()
    except (OSError, ValueError) as error:
        raise WeightsFileError(f"cannot open {name} ({error})", path=path) from error
    if not is_there:
        raise WeightsFileError(f"no such file: {name}", path=path)
    if not is_file:
        what = "a directory, not a weights file" if is_directory else "no regular file"
        raise WeightsFileError(f"{name} is {what}", path=path)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in lower-case hexadecimal.

    Raises:
        WeightsFileError: Missing, a directory, or not to be read.
    """
    path = Path(path)
    check_is_file(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsFileError(
            f"cannot read {str(path)!r} ({error.strerror})", path=path
        ) from error


def check_sha256(path: str | os.PathLike[str], expected: str) -> None:
    """Refuse a file that is not the one expected.

    Raises:
        ChecksumError: Its SHA-256 is another.
        WeightsFileError: Missing, a directory, or not to be read.
    """
    actual = file_sha256(path)
    if actual != expected.lower():
        raise ChecksumError(
            f"{str(path)!r} is damaged or another file: its SHA-256 is {actual}, "
            f"expected {expected}; delete it to have it found or fetched anew",
            path=Path(path),
            expected=expected,
            actual=actual,
        )
