"""Saving a packed network or a document, and telling sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnas.tools.document import print_document
from bnas.tools.networks import name_of
from bnas.tools.tables import print_facts
from bnas.tools.units import megabytes, times

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork


def check_output(source: str, out: str) -> None:
    """Refuse a result that cannot be written, or would replace what it is made from.

    Before the work, and not after it.

    Raises:
        click.ClickException: There is no such folder, or both are the same file.
    """
    check_folder(out)
    if Path(source).exists() and Path(out).exists() and Path(source).samefile(out):
        raise click.ClickException(
            f"the result would replace what it is made from ({click.format_filename(source)!r}); "
            "choose another -o"
        )


def check_folder(out: str | None) -> None:
    """Refuse a result whose folder is not there; None is no result at all.

    Raises:
        click.ClickException: There is no such folder.
    """
    if out is not None and not Path(out).parent.is_dir():
        raise click.ClickException(f"no such folder: {click.format_filename(Path(out).parent)!r}")


def write_document(out: str, content: Mapping[str, Any]) -> None:
    """Write a JSON document, whole or not at all.

    Raises:
        SaveError: The file cannot be written; what was there before is intact.
    """
    from bnas.zoo.atomic_file import write_atomically

    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    write_atomically(out, text.encode("utf-8"))


def save_and_tell(network: PackedNetwork, out: str, *, as_json: bool) -> None:
    """Write a weights file, whole or not at all, and tell its size beside the float size.

    Args:
        network: What to write.
        out: The file; one that is there is replaced.
        as_json: Tell it as a JSON document.

    Raises:
        SaveError: The file cannot be written; what was there before is intact.
    """
    network.save(out)
    size_bytes = Path(out).stat().st_size
    if as_json:
        print_document(
            {
                "model": name_of(network),
                "path": out,
                "size_bytes": size_bytes,
                "binary_weight_bytes": network.binary_weight_bytes,
                "real_parameter_bytes": network.real_parameter_bytes,
                "float_bytes": network.float_bytes,
            }
        )
        return
    print_facts(
        f"{name_of(network)}, packed",
        [
            ("file", click.format_filename(out)),
            ("size on disk", megabytes(size_bytes)),
            ("of it 1-bit weights", megabytes(network.binary_weight_bytes)),
            ("of it real parameters", megabytes(network.real_parameter_bytes)),
            (
                "size as float32",
                f"{megabytes(network.float_bytes)} "
                f"({times(network.float_bytes / size_bytes)} as much)",
            ),
        ],
    )
