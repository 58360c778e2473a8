"""Errors of the drawings."""

from __future__ import annotations

from bnas.cells.errors import CellsError


class DrawError(CellsError, ValueError):
    """A drawing that cannot be made or written as asked.

    Attributes:
        value: The argument at fault.
    """

    def __init__(self, message: str, value: object) -> None:
        """Keep the argument at fault next to the message."""
        self.value = value
        super().__init__(message)


class PictureWriteError(CellsError, OSError):
    """A picture that could not be written; what was there before is intact. Has `path`."""


class MissingExtraError(CellsError, ImportError):
    """An optional dependency that is not installed.

    Attributes:
        extra: The extra of this distribution that brings it, for instance ``"draw"``.
    """

    def __init__(self, message: str, extra: str) -> None:
        """Keep the name of the extra next to the message."""
        self.extra = extra
        super().__init__(message)
