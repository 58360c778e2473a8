"""Files cut into parts of limited size, behind a manifest that changes in one step."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from bnas.cells.atomic_file import draft_of
from bnas.search.errors import CheckpointError

_KIND = "bnas checkpoint in parts"


def write_parts(path: Path, content: bytes, part_bytes: int) -> None:
    """Write `content` in parts beside `path`, which becomes their manifest.

    The manifest names complete parts at any moment: new parts are written first, then the manifest
    is replaced, then parts that it does not name are removed. Those that a killed writer left are
    removed before anything is written, those of a write that fails as it fails: on a disk that is
    nearly full they would stand in the way of the next one.

    Args:
        path: The manifest.
        content: What to write.
        part_bytes: Largest size of a part, at least 1.

    Raises:
        OSError: Something cannot be written; what was there before is intact.
    """
    _remove_needless_parts(path)
    parts = []
    try:
        for number, start in enumerate(range(0, len(content), part_bytes)):
            parts.append(_write_part(path, content[start : start + part_bytes], number))
        manifest = {"kind": _KIND, "bytes": len(content), "parts": parts}
        with draft_of(path) as file:
            file.write(json.dumps(manifest, indent=2).encode())
    finally:
        _remove_needless_parts(path)


def remove_parts(path: Path, keep: Collection[str] = ()) -> None:
    """Remove the parts beside `path` whose names are not among `keep`, as far as that is possible.

    What cannot be removed is tried again at the next write; it does no harm until then.
    """
    for part in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
        if part.name not in keep:
            with contextlib.suppress(OSError):
                part.unlink()


def read_parts(path: Path) -> bytes | None:
    """Return what `write_parts` wrote; None if `path` is no manifest.

    Raises:
        CheckpointError: The manifest is damaged, or a part is missing or damaged; it is named.
        OSError: The manifest or a part cannot be read.
    """
    named = _read_manifest(path)
    if named is None:
        return None
    content = bytearray()
    for name, digest in named.items():
        part = path.parent / name
        if not part.is_file():
            raise CheckpointError(f"{path} needs the part {name}, which is missing", path)
        piece = part.read_bytes()
        if hashlib.sha256(piece).hexdigest() != digest:
            raise CheckpointError(f"{path} needs the part {name}, which is damaged", path)
        content += piece
    return bytes(content)


def _write_part(path: Path, piece: bytes, number: int) -> dict[str, str | int]:
    """Write a part and return its entry in the manifest.

    The name has the digest of the part itself, not of the whole: a part that the old manifest names
    is then never replaced by other bytes, even if only `part_bytes` has changed.
    """
    digest = hashlib.sha256(piece).hexdigest()
    name = f"{path.name}.{digest[:16]}-{number:03d}.part"
    with draft_of(path.with_name(name)) as file:
        file.write(piece)
    return {"name": name, "bytes": len(piece), "sha256": digest}


def _read_manifest(path: Path) -> dict[str, str] | None:
    """Return the SHA-256 of each part by its name, in order; None if `path` is no manifest."""
    with path.open("rb") as file:
        if file.read(1) != b"{":
            return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["kind"] != _KIND:
            raise ValueError(f"kind {manifest['kind']!r}")
        return {Path(part["name"]).name: part["sha256"] for part in manifest["parts"]}
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is a damaged manifest ({error!r})", path) from error


def _remove_needless_parts(path: Path) -> None:
    """Remove the parts that the manifest which is there now does not name."""
    try:
        named = _read_manifest(path) or {}
    except FileNotFoundError:
        named = {}
    except (OSError, CheckpointError):
        return  # Which parts are needed is not known.
    remove_parts(path, keep=named)
