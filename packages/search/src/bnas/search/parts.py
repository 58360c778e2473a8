"""Files cut into parts of limited size, behind a manifest that changes in one step."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from bnas.cells.atomic_file import draft_of
from bnas.search.errors import CheckpointError

_KIND = "bnas checkpoint in parts"


def write_parts(path: Path, content: bytes, part_bytes: int) -> None:
    """Write `content` in parts beside `path`, which becomes their manifest.

    The manifest names complete parts at any moment: new parts are written first, then the manifest
    is replaced, then parts that it does not name are removed, those of a killed writer too.

    Args:
        path: The manifest.
        content: What to write.
        part_bytes: Largest size of a part.
    """
    digest = hashlib.sha256(content).hexdigest()
    parts = []
    for number, start in enumerate(range(0, len(content), part_bytes)):
        piece = content[start : start + part_bytes]
        name = f"{path.name}.{digest[:16]}-{number:03d}.part"
        with draft_of(path.with_name(name)) as file:
            file.write(piece)
        parts.append({"name": name, "sha256": hashlib.sha256(piece).hexdigest()})
    manifest = {"kind": _KIND, "bytes": len(content), "parts": parts}
    with draft_of(path) as file:
        file.write(json.dumps(manifest, indent=2).encode())
    remove_parts(path, keep={part["name"] for part in parts})


def remove_parts(path: Path, keep: set[str] | frozenset[str] = frozenset()) -> None:
    """Remove the parts beside `path` whose names are not among `keep`."""
    for part in path.parent.glob(f"{path.name}.*.part"):
        if part.name not in keep:
            part.unlink(missing_ok=True)


def read_parts(path: Path) -> bytes | None:
    """Return what `write_parts` wrote; None if `path` is no manifest.

    Raises:
        CheckpointError: A part is missing or damaged; it is named.
    """
    with path.open("rb") as file:
        if file.read(1) != b"{":
            return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        named = [(part["name"], part["sha256"]) for part in manifest["parts"]]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is a damaged manifest ({error!r})", path) from error
    content = bytearray()
    for name, digest in named:
        part = path.with_name(Path(name).name)
        if not part.is_file():
            raise CheckpointError(f"{path} needs the part {part.name}, which is missing", path)
        piece = part.read_bytes()
        if hashlib.sha256(piece).hexdigest() != digest:
            raise CheckpointError(f"{path} needs the part {part.name}, which is damaged", path)
        content += piece
    return bytes(content)
