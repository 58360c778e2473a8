"""Names that the shell proposes: networks, weights, cells and recipes.

A completion is asked for at every press of a key, so that nothing here may load Numba or torch:
where a package that knows the names would, its data files are read instead, as they lie in it.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterable
from pathlib import Path

#: Returns the names of a kind, given what has been typed of one.
Source = Callable[[str], Iterable[str]]


def networks(_: str) -> Iterable[str]:
    """Return the nine networks of the paper."""
    from bnas.cells import list_specs

    return list_specs()


def baselines(_: str) -> Iterable[str]:
    """Return the networks that they are compared with."""
    from bnas.cells import list_baselines

    return list_baselines()


def float_twins(typed: str) -> Iterable[str]:
    """Return the float twins of all these, once a name is followed by a dot."""
    names = [*networks(typed), *baselines(typed)] if "." in typed else []
    return [f"{name}.float" for name in names]


def weights(_: str) -> Iterable[str]:
    """Return the zoo's weights with their tags, such as ``BNAS-Mini.lean``."""
    for path in _files("bnas.zoo", "data/index.json"):
        cards = [each["card"] for each in json.loads(path.read_text(encoding="utf-8"))["models"]]
        return [f"{card['name']}.{card['tag']}" for card in cards if card["tag"]]
    return []


def genotypes(_: str) -> Iterable[str]:
    """Return the cells that have a name."""
    from bnas.cells import genotypes as known

    return known


def recipes(_: str) -> Iterable[str]:
    """Return the recipes of `bnas-tools train`; none without bnas-search."""
    return _stems("bnas.search", "recipes/*.toml")


def search_recipes(_: str) -> Iterable[str]:
    """Return the recipes of `bnas-tools search`; none without bnas-search."""
    return _stems("bnas.search", "search_recipes/*.toml")


def _stems(package: str, pattern: str) -> list[str]:
    return sorted(path.stem for path in _files(package, pattern))


def _files(package: str, pattern: str) -> list[Path]:
    # Finding a package below `bnas` runs nothing: the namespace has no code.
    found = importlib.util.find_spec(package)
    folders = (found.submodule_search_locations or []) if found else []
    return [path for folder in folders for path in Path(folder).glob(pattern)]
