"""The exceptions of the benchmark: each is a builtin kind of error too."""

from __future__ import annotations


class BenchError(Exception):
    """Base of every error that the benchmark raises on purpose."""


class ArgumentError(BenchError, ValueError):
    """An argument outside its range."""


class ContenderError(BenchError, RuntimeError):
    """A contender cannot be made, or its process ended; the message is one line."""
