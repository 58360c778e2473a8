"""Reading the network or the cells that an argument names: a known name, or a JSON file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bnas.cells import Genotype, Spec

#: A larger file is no specification; it is refused before it fills the memory.
_LIMIT_BYTES = 10_000_000


def is_file_name(text: str, suffix: str) -> bool:
    """Return whether an argument means a file and not a name.

    Args:
        text: The argument.
        suffix: What such files end in, such as ``".json"``.
    """
    separators = [each for each in (os.sep, os.altsep) if each]
    is_path = text.lower().endswith(suffix) or any(each in text for each in separators)
    return is_path or Path(text).is_file()


def read_spec(name_or_file: str) -> Spec:
    """Return the network of a name such as ``"BNAS-A"`` or ``"Bi-Real-18"``, or of a JSON file.

    Raises:
        CellsError: No such name.
        click.ClickException: A file that is no valid specification; it is named.
        OSError: The file cannot be read.
    """
    from bnas.cells import CellsError, spec, spec_from_json

    if not is_file_name(name_or_file, ".json"):
        return spec(name_or_file)
    text = _read_text(name_or_file)
    try:
        return spec_from_json(text)
    except (CellsError, RecursionError) as error:
        raise _in_file(name_or_file, error) from error


def read_genotype(name_or_file: str) -> Genotype:
    """Return the cells of a name such as ``"bnas-cifar10"``, or of a genotype's JSON file.

    Raises:
        CellsError: No such name.
        click.ClickException: A file that is no valid genotype; it is named.
        OSError: The file cannot be read.
    """
    from bnas.cells import CellsError, Genotype, UnknownNameError, genotypes

    if not is_file_name(name_or_file, ".json"):
        if name_or_file not in genotypes:
            raise UnknownNameError("genotype", name_or_file, genotypes)
        return genotypes[name_or_file]
    text = _read_text(name_or_file)
    try:
        return Genotype.from_json(text)
    except (CellsError, RecursionError) as error:
        raise _in_file(name_or_file, error) from error


def read_spec_or_genotype(name_or_file: str) -> Spec | Genotype:
    """Return what an argument names: a network or a pair of cells, by name or in a JSON file.

    Raises:
        CellsError: No such name.
        click.ClickException: A file that is neither; it is named.
        OSError: The file cannot be read.
    """
    from bnas.cells import UnknownNameError, genotypes, list_baselines, list_specs

    if is_file_name(name_or_file, ".json"):
        is_spec = _has_kind(_read_text(name_or_file))
        return (read_spec if is_spec else read_genotype)(name_or_file)
    if name_or_file in genotypes:
        return genotypes[name_or_file]
    try:
        return read_spec(name_or_file)
    except UnknownNameError as error:
        known = (*list_specs(), *list_baselines(), *genotypes)
        raise UnknownNameError("network or genotype", name_or_file, known) from error


def _read_text(file: str) -> str:
    path = Path(file)
    name = repr(click.format_filename(file))
    if path.is_dir():
        raise click.ClickException(f"{name} is a directory, not a JSON file")
    if not path.exists():
        raise click.ClickException(f"no such file: {name}")
    with path.open("rb") as stream:
        content = stream.read(_LIMIT_BYTES + 1)
    if len(content) > _LIMIT_BYTES:
        raise click.ClickException(f"{name} is larger than {_LIMIT_BYTES} bytes: no JSON of ours")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{name} is no JSON file: it is not UTF-8 text") from error


def _has_kind(text: str) -> bool:
    """Return whether this is a network's JSON; a pair of cells states no kind."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and "kind" in data


def _in_file(file: str, error: Exception) -> click.ClickException:
    return click.ClickException(f"{click.format_filename(file)!r}: {error}")
