"""Ways to damage a weights file, and to make a hostile one."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from bnas.zoo.weights_file import _content_sha256

Damage = Callable[[random.Random, bytes], bytes]
#: Numbers that headers lie with.
_LIES: tuple[Any, ...] = (
    -1,
    0,
    1,
    2**31,
    2**40,
    2**63 - 1,
    2**63,
    2**64,
    10**18,
    10**40,
    0.5,
    "8",
    None,
    [],
)
#: What a hostile specification or card says.
_OTHER_VALUES: tuple[Any, ...] = (
    *_LIES,
    2,
    3,
    7,
    1000,
    "none",
    "bin_conv_5x5",
    "imagenet",
    "pool",
    True,
    {},
    "x" * 9999,
)
_DTYPES = ("U8", "F16", "F32", "F64", "I64", "BOOL", "BF16", "", "\x1b[31m", 5)


def _header_end(whole: bytes) -> int:
    return 8 + int.from_bytes(whole[:8], "little")


def _bytes(source: random.Random, whole: bytes) -> bytes:
    data = bytearray(whole)
    for _ in range(source.randint(1, 8)):
        data[source.randrange(len(data))] = source.randrange(256)
    return bytes(data)


def _bit(source: random.Random, whole: bytes) -> bytes:
    data = bytearray(whole)
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)
    return bytes(data)


def _header_bytes(source: random.Random, whole: bytes) -> bytes:
    data = bytearray(whole)
    for _ in range(source.randint(1, 4)):
        data[source.randrange(8, _header_end(whole))] = source.randrange(256)
    return bytes(data)


def _length(source: random.Random, whole: bytes) -> bytes:
    near = _header_end(whole) - 8 + source.randint(-64, 64)
    claimed = source.choice(
        [source.getrandbits(source.randint(1, 64)), near, len(whole), 2**64 - 1]
    )
    return claimed.to_bytes(8, "little") + whole[8:]


def _truncated(source: random.Random, whole: bytes) -> bytes:
    return whole[: source.choice([source.randrange(len(whole)), source.randrange(200)])]


def _appended(source: random.Random, whole: bytes) -> bytes:
    return whole + source.choice([b"\0", whole, source.randbytes(source.randint(1, 5000))])


def _inserted(source: random.Random, whole: bytes) -> bytes:
    at = source.randrange(len(whole))
    return whole[:at] + source.randbytes(source.randint(1, 64)) + whole[at:]


def _deleted(source: random.Random, whole: bytes) -> bytes:
    at = source.randrange(len(whole))
    return whole[:at] + whole[at + source.randint(1, 64) :]


def _swapped(source: random.Random, whole: bytes) -> bytes:
    length = source.randint(1, 4096)
    first, second = (source.randrange(max(1, len(whole) - length)) for _ in range(2))
    data = bytearray(whole)
    a, b = data[first : first + length], data[second : second + length]
    data[first : first + length], data[second : second + length] = b, a
    return bytes(data)


def _zeroed(source: random.Random, whole: bytes) -> bytes:
    """Lose a sector of the disk."""
    at = source.randrange(len(whole))
    length = min(512, len(whole) - at)
    return whole[:at] + bytes(length) + whole[at + length :]


def _lying(source: random.Random, whole: bytes) -> bytes:
    """Say something untrue in the header of safetensors, of any tensor or of the strings."""
    header = json.loads(whole[8 : _header_end(whole)])
    name = source.choice(sorted(header))
    entry = header[name]
    if name == "__metadata__" or source.random() < 0.1:
        key = source.choice([name, "__metadata__", "other"])
        header[key] = source.choice([*_LIES, {}, {"format": 5}, entry, "[" * 10_000])
    elif source.random() < 0.3:
        entry["dtype"] = source.choice(_DTYPES)
    else:
        values = entry[source.choice(["shape", "data_offsets"])]
        lie = source.choice(_LIES)
        if values and source.random() < 0.8:
            values[source.randrange(len(values))] = lie
        else:
            values.append(lie)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[_header_end(whole) :]


#: Kind -> what it does to the bytes of a file.
DAMAGES: dict[str, Damage] = {
    "1 to 8 bytes": _bytes,
    "one bit": _bit,
    "bytes of the header": _header_bytes,
    "length of the header": _length,
    "truncated": _truncated,
    "bytes appended": _appended,
    "bytes inserted": _inserted,
    "bytes deleted": _deleted,
    "blocks swapped": _swapped,
    "a sector zeroed": _zeroed,
    "a header that lies": _lying,
}


def sealed(source: random.Random, whole: bytes) -> bytes:
    """Return a file with another specification, card or tensor, and the right checksum of it."""
    metadata = dict(json.loads(whole[8 : _header_end(whole)])["__metadata__"])
    tensors = load(whole)
    del metadata["content_sha256"]
    texts = [key for key in ("spec", "card") if key in metadata]
    if source.random() < 0.5:
        key = source.choice(texts)
        content = json.loads(metadata[key])
        _change(source, content)
        metadata[key] = json.dumps(content)
    else:
        _change_tensor(source, tensors)
    metadata["content_sha256"] = _content_sha256(metadata, tensors)
    return save(tensors, metadata)


def _change(source: random.Random, content: Any) -> None:
    """Change a value somewhere in nested JSON."""
    while True:
        keys = sorted(content) if isinstance(content, dict) else range(len(content))
        key = source.choice(list(keys))
        inner = content[key]
        if not isinstance(inner, dict | list) or not inner or source.random() < 0.3:
            break
        content = inner
    content[key] = source.choice(_OTHER_VALUES)


def _change_tensor(source: random.Random, tensors: dict[str, np.ndarray]) -> None:
    name = source.choice(sorted(tensors))
    array = tensors[name]
    noise = np.random.default_rng(source.getrandbits(32))
    match source.randrange(7):
        case 0:
            del tensors[name]
        case 1:
            tensors[f"{name}2"] = array
        case 2:
            tensors[name] = array.reshape(-1)
        case 3:
            tensors[name] = array.astype(source.choice([np.float32, np.uint8, np.int64]))
        case 4 if array.dtype != np.uint8:
            lie = source.choice([np.nan, np.inf, -1.0, 0.0, 6e4, -6e4])
            tensors[name] = np.full_like(array, lie)
        case 5:
            tensors[name] = np.zeros((*array.shape, 0), array.dtype)
        case _:
            tensors[name] = noise.integers(0, 256, array.shape).astype(array.dtype)


class _Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def pickled_code(source: random.Random, whole: bytes, marker: Path) -> bytes:
    """Return a pickle whose loading makes `marker`, alone or in the forms that torch writes.

    Nothing here loads it.
    """
    content = {"state_dict": _Code(marker), "spec": "{}"}
    form = source.randrange(4)
    if form == 0:
        return pickle.dumps(content, protocol=source.randint(0, 5))
    if form == 1:  # behind a right file, or before one
        code = pickle.dumps(content)
        return whole + code if source.random() < 0.5 else code + whole
    import torch

    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=form == 2)
    data = file.getvalue()
    return data if source.random() < 0.7 else _bytes(source, data)
