"""The weights file: safetensors with one bit a binary weight, and all that is needed to run it.

The header's metadata are the strings ``format`` ("bnas-weights"), ``format_version``, ``spec``
(JSON of the network's specification), ``card`` (JSON, optional), ``creator`` and
``content_sha256``: the SHA-256 of all of those and of every tensor's name, dtype, shape and bytes.
safetensors itself has no checksum; with this one, a file that reads at all has the content that was
written. Tensors are uint8 (packed bits), float16 or float32, and finite. Equal content gives equal
bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import field, frozen
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from bnas.cells.errors import CellsError
from bnas.cells.specification import Spec, spec_from_json
from bnas.zoo.atomic_file import write_atomically
from bnas.zoo.cards import Card
from bnas.zoo.checksum import check_is_file, check_sha256
from bnas.zoo.errors import CardError, WeightsFileError

__all__ = ["WeightsHeader", "read_weights", "write_weights"]

FORMAT = "bnas-weights"
FORMAT_VERSION = "1"

_DTYPES = {"U8": np.uint8, "F16": np.float16, "F32": np.float32}
_Arrays = Mapping[str, np.ndarray[Any, Any]]


@frozen(kw_only=True)
class WeightsHeader:
    """What a weights file says besides its tensors.

    Attributes:
        spec: The network that the tensors belong to.
        card: Where they come from and how good they are; without SHA-256 and size, which a file
            cannot state of itself.
        creator: Program and version that wrote the file.
    """

    spec: Spec
    card: Card | None = None
    creator: str = field(default="bnas-zoo")


def write_weights(
    path: str | os.PathLike[str],
    tensors: Mapping[str, np.ndarray[Any, Any]],
    header: WeightsHeader,
) -> None:
    """Write a weights file, whole or not at all.

    Args:
        path: The file; one that is there is replaced in one step once the new one is complete.
        tensors: Name -> array of uint8, float16 or float32.
        header: Specification, card and creator.

    Raises:
        WeightsFileError: A tensor of another dtype, NaN or infinity, or a name that cannot be used.
        SaveError: The file cannot be written (no room, no such directory); the old one is intact.
    """
    path = Path(path)
    for name, array in tensors.items():
        if not isinstance(name, str) or not name or name == "__metadata__":
            raise WeightsFileError(f"a tensor's name must be text (got {name!r})", path=path)
        if array.dtype not in _DTYPES.values():
            allowed = ", ".join(np.dtype(dtype).name for dtype in _DTYPES.values())
            raise WeightsFileError(
                f"tensor {name!r} must be one of {allowed} (got {array.dtype})", path=path
            )
        _check_finite(name, array, path)
    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "spec": header.spec.to_json(),
        "creator": header.creator,
    }
    if header.card is not None:
        metadata["card"] = header.card.to_json()
    # safetensors writes memory as it lies: a transposed view would come out in the wrong order.
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    metadata["content_sha256"] = _content_sha256(metadata, arrays)
    write_atomically(path, _with_sorted_metadata(save(arrays, metadata)))


def read_weights(
    path: str | os.PathLike[str], *, expected: str | None = None
) -> tuple[WeightsHeader, dict[str, np.ndarray[Any, Any]]]:
    """Read a weights file and check all of it.

    Args:
        path: The file.
        expected: SHA-256 that the file must have, in hexadecimal; None to take any.

    Returns:
        The header, and name -> array in the order of the names.

    Raises:
        WeightsFileError: Missing, a directory, damaged, of another format or version, or with
            values that are not finite.
        ChecksumError: The file is not the one expected.
    """
    path = Path(path)
    check_is_file(path)
    if expected is not None:
        check_sha256(path, expected)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = _checked_metadata(file.metadata(), path)
            names = sorted(file.keys())
            for name in names:
                dtype = file.get_slice(name).get_dtype()
                if dtype not in _DTYPES:
                    raise _wrong(path, f"tensor {name!r} is {dtype}; allowed: {', '.join(_DTYPES)}")
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError) as error:
        raise _wrong(path, f"truncated, damaged, or no safetensors file ({error})") from error
    stated = metadata.pop("content_sha256", "")
    actual = _content_sha256(metadata, arrays)
    if stated != actual:
        raise _wrong(
            path, f"its content is damaged: SHA-256 {actual}, where its header states {stated!r}"
        )
    for name, array in arrays.items():
        _check_finite(name, array, path)
    return _parsed_header(metadata, path), arrays


def _checked_metadata(metadata: Mapping[str, str] | None, path: Path) -> dict[str, str]:
    found = dict(metadata or {})
    if found.get("format") != FORMAT:
        raise _wrong(
            path,
            f"its format is {found.get('format', 'not stated')!r}, where {FORMAT!r} is needed",
        )
    version = found.get("format_version", "not stated")
    if version != FORMAT_VERSION:
        raise _wrong(
            path,
            f"its format version is {version!r}, and this bnas-zoo reads {FORMAT_VERSION!r}: "
            "use the bnas-zoo that wrote it, or a newer one",
        )
    return found


def _parsed_header(metadata: Mapping[str, str], path: Path) -> WeightsHeader:
    if "spec" not in metadata:
        raise _wrong(path, "its header has no `spec`, the specification of its network")
    try:
        spec = spec_from_json(metadata["spec"])
    except (CellsError, RecursionError) as error:
        raise _wrong(path, f"its `spec` cannot be used ({error})") from error
    try:
        card = Card.from_json(metadata["card"]) if "card" in metadata else None
    except CardError as error:
        raise _wrong(path, f"its `card` cannot be used ({error})") from error
    return WeightsHeader(spec=spec, card=card, creator=metadata.get("creator", "not stated"))


def _check_finite(name: str, array: np.ndarray[Any, Any], path: Path) -> None:
    if array.dtype != np.uint8 and not np.isfinite(array).all():
        raise _wrong(path, f"tensor {name!r} holds NaN or infinity")


def _content_sha256(metadata: Mapping[str, str], arrays: _Arrays) -> str:
    digest = hashlib.sha256()
    for part in _content(metadata, arrays):
        # The length first: no two contents run together to the same bytes.
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _content(metadata: Mapping[str, str], arrays: _Arrays) -> Iterable[bytes]:
    yield json.dumps(sorted(metadata.items())).encode()
    for name, array in sorted(arrays.items()):
        yield json.dumps([name, array.dtype.name, array.shape]).encode()
        yield array.tobytes()


def _with_sorted_metadata(file: bytes) -> bytes:
    """Order the header's strings: safetensors leaves them as a random hash has them."""
    start = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + file[start:]


def _wrong(path: Path, what: str) -> WeightsFileError:
    # An error may quote the damaged text: keep it to one line that a terminal can show.
    shown = "".join(char if char.isprintable() else " " for char in what)
    return WeightsFileError(f"{str(path)!r}: {textwrap.shorten(shown, 400)}", path=path)
