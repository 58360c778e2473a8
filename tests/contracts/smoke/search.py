"""bnas-search alone, beside the pinned torch: every module, every bundled recipe, torchvision."""

from __future__ import annotations

import importlib
import pkgutil

import torch

from bnas import search
from bnas.search.vision import torchvision

assert torch.__version__.split("+")[0] == "2.13.0"
for module in pkgutil.walk_packages(search.__path__, "bnas.search."):
    importlib.import_module(module.name)
assert [search.load_recipe(name) for name in search.list_recipes()]
assert torchvision().transforms
