"""What a file uses of siblings is found, whichever way it imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maintenance.public_api.imports import uses
from maintenance.public_api.source import Source

if TYPE_CHECKING:
    from conftest import Checkout

MODULES = {"bnas.cells", "bnas.zoo", "bnas.cells.draw", "bnas.zoo.export"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from bnas.cells import fold", {"cells.fold"}),
        ("from bnas import cells, zoo\ncells.fold(zoo.load())", {"cells.fold", "zoo.load"}),
        ("from bnas import cells as c\ndef f():\n    return c.fold", {"cells.fold"}),
        ("import bnas.cells\nbnas.cells.fold()", {"cells.fold"}),
        ("import bnas.cells as c\nc.fold.cache_clear()", {"cells.fold"}),
        ("import bnas.cells.draw", {"cells.draw"}),
        ("import bnas.cells.draw as d\nd.draw()", {"cells.draw", "cells.draw.draw"}),
        ("import bnas.zoo\nbnas.cells.draw.f()", {"cells.draw", "cells.draw.f"}),
        ("from bnas.cells import draw\n@draw.f\ndef g(): ...", {"cells.draw", "cells.draw.f"}),
        ("from bnas.cells import fold\nfold.cache", {"cells.fold"}),
        ("from bnas import cells\nclass A(cells.B):\n    x = cells.C", {"cells.B", "cells.C"}),
        ("from bnas import cells\ndef f(cells: cells.A): ...", {"cells.A"}),
        ("try:\n    from bnas import zoo\nexcept ImportError:\n    zoo = None\nzoo.a", {"zoo.a"}),
        ("def f():\n    from bnas import cells\ncells.fold", set()),
        ("from bnas import cells\ncells.__name__", set()),
    ],
)
def test_names_with_a_dot_are_found(text: str, found: set[str]) -> None:
    every = uses(text, MODULES.__contains__)
    assert {f"{module}.{name}" for module, name in every if module != "bnas"} == {
        f"bnas.{name}" for name in found
    }


@pytest.mark.parametrize(
    "inside",
    [
        "def f(cells):\n    cells.append(1)",
        "f = lambda cells: cells.append(1)",
        "def f():\n    for cells in ():\n        cells.append(1)",
        "def f():\n    def cells(): ...\n    return [cells.append for x in ()]",
        "[cells.append for cells in ()]",
        "def f():\n    from elsewhere import cells\n    cells.append(1)",
        "class A:\n    cells = []\n    cells.append(1)",
    ],
)
def test_what_only_has_the_name_of_a_module_is_none(inside: str) -> None:
    text = f"from bnas import cells\n{inside}\n"
    assert ("bnas.cells", "append") not in uses(text, MODULES.__contains__)


def test_a_method_does_not_see_the_names_of_its_class() -> None:
    text = "from bnas import cells\nclass A:\n    cells = []\n    def f(self): cells.fold\n"
    assert ("bnas.cells", "fold") in uses(text, MODULES.__contains__)


def test_a_function_hides_the_module_that_is_called_like_it(checkout: Checkout) -> None:
    top = "packages/cells/src/bnas/cells"
    checkout.write(f"{top}/fold.py", "def fold(): ...\n")
    checkout.write(f"{top}/draw.py", "")
    checkout.write(
        f"{top}/__init__.py", "from bnas.cells import draw\nfrom bnas.cells.fold import fold\n"
    )
    source = Source(checkout.root)
    assert source.is_module("bnas.cells.draw")
    assert not source.is_module("bnas.cells.fold")
    assert not source.is_module("bnas.cells.none")
