"""The supernet through `torch.compile`: traced whole, without the compiler, which takes minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas.search import ImageSet, RecipeError, SearchOptions, SearchRecipe, search_cells
from bnas.search.parallel import Processes

pytestmark = pytest.mark.filterwarnings("ignore")  # The compiler's own.
#: Backend of `torch.compile` that runs what was traced, forwards and backwards, as it is.
TRACED = "aot_eager"


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Trace in one piece instead of compiling; returns how `torch.compile` was called."""
    compile_, asked = torch.compile, []

    def trace(network: torch.nn.Module, **settings: Any) -> Any:
        asked.append(settings)
        return compile_(network, dynamic=False, fullgraph=True, backend=TRACED)

    monkeypatch.setattr(torch, "compile", trace)
    return asked


def test_it_is_the_same_search(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet, traced: list[dict[str, Any]]
) -> None:
    one = attrs.evolve(recipe, epochs=1, channels=2)
    shared = search_cells(one, images, tmp_path / "shared").history[0]
    assert not traced
    compiled = attrs.evolve(one, engine="compiled")
    found = search_cells(compiled, images, tmp_path / "compiled").history[0]
    assert traced == [{"dynamic": False, "mode": None}]
    # Rounding decides some signs.
    assert found.loss == pytest.approx(shared.loss, rel=0.05)
    assert found.entropy == pytest.approx(shared.entropy, rel=1e-3)


def test_graphs_need_a_gpu_and_the_compiler_one_process(
    tmp_path: Path, recipe: SearchRecipe, images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RecipeError, match="`cuda_graphs` needs"):
        search_cells(recipe, images, tmp_path, options=SearchOptions(cuda_graphs=True))
    two = Processes(rank=0, size=2)
    monkeypatch.setattr("bnas.search.architecture.search.join", lambda device: two)
    with pytest.raises(RecipeError, match="'compiled' needs one process"):
        search_cells(attrs.evolve(recipe, engine="compiled"), images, tmp_path)
