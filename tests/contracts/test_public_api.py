"""The public names of each package are those of its public-api.txt; siblings use no others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maintenance.distributions import Distribution
from maintenance.public_api.check import difference
from maintenance.public_api.snapshot import read
from maintenance.public_api.source import Source
from maintenance.release.fragments import fragments

if TYPE_CHECKING:
    from conftest import Package

MAX_BYTES = 80_000


@pytest.fixture(scope="module")
def source(root: Path) -> Source:
    return Source(root)


def test_public_names_are_the_kept_ones(package: Package, root: Path, source: Source) -> None:
    told = difference(Distribution(package.name, root), source)
    assert told is None, told


def test_snapshots_stay_readable(packages: dict[str, Package], root: Path) -> None:
    texts = {name: read(Distribution(name, root)) for name in packages}
    assert all(f"bnas-{name}" in text for name, text in texts.items())
    assert sum(len(text.encode()) for text in texts.values()) < MAX_BYTES


def test_fragments_are_such_as_a_release_takes(package: Package, root: Path) -> None:
    kinds = [fragment.kind for fragment in fragments(Distribution(package.name, root))]
    assert all(kinds)
