"""What ends a release: one line that says what, and what to do."""

from __future__ import annotations


class ReleaseError(Exception):
    """A release that must not be, or that failed; nothing of it is left behind."""
