"""Training on a GPU; `pytest -m gpu` where there is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import torch

from bnas import cells, search
from bnas.cells.nn import Network, average_pool
from bnas.search.epoch import train_step
from bnas.search.image_set import ImageSet
from bnas.search.parallel import Processes
from bnas.search.run import Run

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore")]  # The compiler's own.
RECIPE = search.Recipe(epochs=2, batch_size=16, learning_rate=5e-3, crop_padding=1)
CUDA = search.RunOptions(device="cuda")


def test_the_first_losses_are_those_of_the_cpu(
    tmp_path: Path,
    tiny_spec: cells.NetworkSpec,
    data: search.TrainingData,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)

    def losses(device: str) -> list[float]:
        found: list[Any] = []
        options = search.RunOptions(device=device)
        recipe = attrs.evolve(RECIPE, epochs=1)
        search.train(
            tiny_spec, recipe, data, tmp_path / device, options=options, progress=found.append
        )
        return [each.loss for each in found if isinstance(each, search.EpochMetrics)]

    assert losses("cuda") == pytest.approx(losses("cpu"), rel=0.02)


def test_compiled_gradients_are_those_of_the_plain_network(tiny_spec: cells.NetworkSpec) -> None:
    # What torch 2.11 loses on the way through a compiled sign, it loses without a word.
    torch.manual_seed(0)
    network = Network(tiny_spec, official_gradient=True).cuda()
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn((8, 3, 8, 8), device="cuda")
    found = []
    for form in (network, torch.compile(network, dynamic=False)):
        network.zero_grad()
        form(images).square().sum().backward()
        found.append({key: value.grad.clone() for key, value in network.named_parameters()})
    for key, plain in found[0].items():
        torch.testing.assert_close(
            found[1][key], plain, rtol=1e-2, atol=1e-3 * float(plain.abs().max())
        )


@pytest.mark.parametrize("padding", [0, 1])
def test_gradients_of_average_pools_are_those_of_the_cpu(padding: int) -> None:
    images = torch.randn((2, 5, 8, 8), generator=torch.Generator().manual_seed(0))
    found = []
    for place in ("cpu", "cuda"):
        leaf = images.to(place, memory_format=torch.channels_last).requires_grad_()
        average_pool(leaf, 3, 2, padding).square().sum().backward()
        assert leaf.grad is not None
        found.append(leaf.grad.cpu())
    torch.testing.assert_close(found[1], found[0])


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_bfloat16_learns(
    tmp_path: Path,
    engine: Any,
    tiny_spec: cells.NetworkSpec,
    coloured: Callable[[int, int], ImageSet],
) -> None:
    data = search.TrainingData(coloured(320, 1), coloured(200, 2))
    recipe = attrs.evolve(
        RECIPE,
        epochs=4,
        engine=engine,
        precision="bfloat16",
        drop_path=0.1,
        average_decay=0.9,
        area=(0.5, 1.0),
        crop_padding=0,
        color_jitter=(0.1, 0.1, 0.1, 0.0),
    )
    result = search.train(tiny_spec, recipe, data, tmp_path, options=CUDA)
    assert result.holdout is not None
    assert result.holdout.top1 > 80
    state = search.load_checkpoint(result.checkpoint)
    assert all(value.device.type == "cpu" for value in state["model"].values())


def test_cuda_graphs_change_nothing(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    recipe = attrs.evolve(RECIPE, engine="compiled", drop_path=0.1, gradient_clip=1.0)
    losses = {}
    for graphs in (False, True):
        options = search.RunOptions(device="cuda", cuda_graphs=graphs)
        result = search.train(tiny_spec, recipe, data, tmp_path / str(graphs), options=options)
        losses[graphs] = [epoch.loss for epoch in result.history]
    assert losses[True] == pytest.approx(losses[False], rel=0.02)


def test_a_run_goes_on_after_a_time_limit(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    stop = search.RunOptions(device="cuda", time_limit_s=0)
    assert not search.train(tiny_spec, RECIPE, data, tmp_path, options=stop).completed
    assert search.train(tiny_spec, RECIPE, data, tmp_path, options=CUDA).completed


def test_images_and_network_lie_on_the_gpu(
    tmp_path: Path, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    place = Processes(device=torch.device("cuda"))
    run = Run.start(tiny_spec, RECIPE, data, tmp_path, CUDA, place)
    assert run.batches.images.images.is_cuda
    assert run.holdout.labels.is_cuda
    assert all(parameter.is_cuda for parameter in run.network.parameters())


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_step_waits_for_nothing(
    tmp_path: Path, engine: Any, tiny_spec: cells.NetworkSpec, data: search.TrainingData
) -> None:
    recipe = attrs.evolve(
        RECIPE,
        engine=engine,
        precision="bfloat16",
        drop_path=0.1,
        average_decay=0.9,
        gradient_clip=1.0,
        mixup_strength=0.2,
        official_gradient=True,
    )
    place = Processes(device=torch.device("cuda"))
    run = Run.start(tiny_spec, recipe, data, tmp_path, CUDA, place)
    order = run.batches.order(0)
    run.runner.train()
    train_step(run, order)  # Compiles, and chooses algorithms.
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(2):
            train_step(run, order)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("graphs", [False, True])
def test_a_search_runs_compiled(tmp_path: Path, graphs: bool, data: search.TrainingData) -> None:
    recipe = search.SearchRecipe(
        epochs=2, batch_size=16, cells=3, channels=4, crop_padding=1, precision="bfloat16"
    )
    losses = {}
    for engine in ("shared", "compiled"):
        options = search.SearchOptions(device="cuda", cuda_graphs=graphs and engine == "compiled")
        found = search.search_cells(
            attrs.evolve(recipe, engine=engine), data.train, tmp_path / engine, options=options
        )
        losses[engine] = [record.loss for record in found.history]
    assert losses["compiled"] == pytest.approx(losses["shared"], rel=0.1)
