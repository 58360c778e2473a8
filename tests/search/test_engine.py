"""The form in which a network runs: CUDA graphs only where there can be some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bnas import cells, search
from bnas.cells.nn import Network
from bnas.search.engine import check_cuda_graphs, make_runner
from bnas.search.parallel import Processes

COMPILED = search.Recipe(epochs=1, engine="compiled")
EAGER = search.Recipe(epochs=1)
GPU = torch.device("cuda")


@pytest.mark.parametrize(
    ("recipe", "processes", "got"),
    [
        (EAGER, Processes(device=GPU), "engine='eager', device 'cuda', 1 processes"),
        (COMPILED, Processes(), "engine='compiled', device 'cpu', 1 processes"),
        (COMPILED, Processes(size=2, device=GPU), "device 'cuda', 2 processes"),
    ],
)
def test_cuda_graphs_are_refused_where_there_can_be_none(
    recipe: search.Recipe, processes: Processes, got: str
) -> None:
    check_cuda_graphs(False, recipe, processes)
    with pytest.raises(search.RecipeError, match=f"`cuda_graphs` needs .*{got}"):
        check_cuda_graphs(True, recipe, processes)


def test_one_compiled_process_on_a_gpu_may_have_them() -> None:
    check_cuda_graphs(True, COMPILED, Processes(device=GPU))


def test_they_are_refused_before_anything_is_written(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    options = search.RunOptions(device="cpu", cuda_graphs=True)
    recipe = search.Recipe(epochs=1, batch_size=16)
    for work in (search.train, lambda *args, **named: search.fit_to_budget(*args, 60.0, **named)):
        with pytest.raises(search.RecipeError, match="`cuda_graphs` needs"):
            work(tiny_spec, recipe, data, tmp_path / "out", options=options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("graphs", "mode"), [(False, None), (True, "reduce-overhead")])
def test_they_are_a_mode_of_the_compiler(
    graphs: bool, mode: str | None, monkeypatch: pytest.MonkeyPatch, tiny_spec: cells.NetworkSpec
) -> None:
    asked: list[dict[str, Any]] = []

    def compiled(network: nn.Module, **settings: Any) -> nn.Module:
        asked.append(settings)
        return network

    monkeypatch.setattr(torch, "compile", compiled)
    network = Network(tiny_spec)
    place = Processes(device=GPU)
    assert make_runner(network, COMPILED, place, cuda_graphs=graphs) is network
    assert asked == [{"dynamic": False, "mode": mode}]
