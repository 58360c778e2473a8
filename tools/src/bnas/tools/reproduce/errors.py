"""Errors of reproductions; each is a builtin exception too."""

from __future__ import annotations


class ReproduceError(Exception):
    """Base of every error that a reproduction raises on purpose."""


class ScaleError(ReproduceError, ValueError):
    """A scale that is unknown, or has a field outside its range."""
