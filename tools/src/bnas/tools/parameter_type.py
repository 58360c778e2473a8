"""`ParamType`: Click's, of which a type checker knows what values it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from click import ParamType
else:
    import click

    class ParamType(click.ParamType):
        """Click's own; ``ParamType[int]`` is the same class, whatever the version of Click."""

        def __class_getitem__(cls, made: object) -> type:
            """Return the class."""
            return cls


__all__ = ["ParamType"]
