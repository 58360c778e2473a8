"""Random numbers as functions of a seed and a purpose.

An epoch's order and every random crop are functions of the seed, the epoch and the step. Nothing
has to be remembered to resume in the middle of an epoch.
"""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """Return a generator whose stream depends on the seed and on every part of `purpose`."""
    return torch.Generator().manual_seed(seed_of(seed, *purpose))


def seed_of(seed: int, *purpose: str | int) -> int:
    """Return a seed, from 0 to 2**63 - 1, that depends on `seed` and on every part of `purpose`."""
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
