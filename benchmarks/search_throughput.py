"""Steps/s of the architecture search: the plain supernet against the shared one.

A step is the search's own (`architecture.steps.search_step`): batches are drawn and augmented, the
architecture parameters move by one of their half, then the weights by one of theirs. The plain
supernet is what one writes first, and what the authors do: one module for every edge and primitive,
float32, all gradients in both halves of a step. Engines take turns step by step, so that a
disturbance of the machine hits all of them; a ratio is that of two steps of one turn, but for the
ratio of the minima.

    python -m benchmarks.search_throughput --batch-size 64 --threads 2 --turns 9
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Literal

import attrs
import click
import numba
import torch
from attrs import frozen
from torch import Tensor

from benchmarks.training_throughput import commit, processor, time_in_turns
from bnas import search
from bnas.cells import NORMALIZATIONS
from bnas.search.architecture.network import arch_list, build_supernet
from bnas.search.architecture.state import SearchRun
from bnas.search.architecture.steps import search_step
from bnas.search.objective import cross_entropy
from bnas.search.parallel import Processes


@frozen
class Engine:
    """One way to take a step.

    Attributes:
        name: For the table.
        engine: Of the supernet.
        precision: ``"float32"``, or ``"bfloat16"`` under autocast.
        all_gradients: Whether both halves of a step compute the gradients of all parameters.
        compiled: Whether the supernet goes through `torch.compile`.
    """

    name: str
    engine: search.supernet.Engine
    precision: Literal["float32", "bfloat16"] = "float32"
    all_gradients: bool = False
    compiled: bool = False


def engines(with_compiled: bool) -> tuple[Engine, ...]:
    """Return the plain supernet first, then what is to beat it."""
    found = [
        Engine("plain, all gradients, float32", "plain", all_gradients=True),
        Engine("plain, needed gradients, float32", "plain"),
        Engine("plain, needed gradients, bfloat16", "plain", "bfloat16"),
        Engine("shared, float32", "shared"),
        Engine("shared, bfloat16", "shared", "bfloat16"),
    ]
    if with_compiled:
        found.append(Engine("shared, compiled, float32", "shared", compiled=True))
        found.append(Engine("shared, compiled, bfloat16", "shared", "bfloat16", compiled=True))
    return tuple(found)


def make_step(
    engine: Engine, recipe: search.SearchRecipe, images: search.ImageSet, device: torch.device
) -> Callable[[], None]:
    """Return a function that takes one step of the search, to its end; always on the same images.

    Args:
        engine: How.
        recipe: Its engine and precision are replaced.
        images: Of one batch; both halves are these.
        device: Where.
    """
    run = SearchRun.start(
        attrs.evolve(recipe, engine=engine.engine, precision=engine.precision),
        (images, images),
        NORMALIZATIONS[recipe.template],
        Path(tempfile.gettempdir()) / "no-checkpoint-is-here",
        search.SearchOptions(),
        Processes(device=device),
        build_supernet,
    )
    run.network.train()
    if engine.compiled:
        run.network = torch.compile(run.network, dynamic=False)
    orders = run.weight_batches.order(0), run.arch_batches.order(0)
    take = all_gradients_step if engine.all_gradients else search_step

    def step() -> None:
        take(run, orders)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step


def all_gradients_step(run: SearchRun, orders: tuple[Tensor, Tensor]) -> None:
    """Take a step as the authors do: every backward pass reaches all parameters."""
    normal, reduce = arch_list(run.network)

    def descend(batches: Any, order: Tensor, optimizer: torch.optim.Optimizer) -> None:
        run.network.project_latents_()
        images, targets, _ = batches.draw(order, run.epoch, run.step)
        loss = cross_entropy(run.network(images), targets)
        if optimizer is run.arch_optimizer:
            loss = search.search_objective(loss, normal, reduce, run.epoch)
        run.network.zero_grad()
        loss.backward()
        optimizer.step()

    descend(run.arch_batches, orders[1], run.arch_optimizer)
    descend(run.weight_batches, orders[0], run.optimizer)


def noise(count: int, side: int) -> search.ImageSet:
    """Return images of noise, with labels of ten classes."""
    source = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 3, side, side), generator=source, dtype=torch.uint8)
    labels = torch.randint(10, (count,), generator=source)
    return search.ImageSet(images, labels, tuple(map(str, range(10))))


def summary(name: str, times: list[float], plain: list[float]) -> dict[str, Any]:
    """Return the figures of an engine, seconds a step, beside the times of the plain one."""
    ratios = [theirs / own for theirs, own in zip(plain, times, strict=True)]
    return {
        "engine": name,
        "seconds_min": min(times),
        "seconds_median": statistics.median(times),
        "ratio_of_minima": min(plain) / min(times),
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


@click.command()
@click.option("--cells", default=8, show_default=True)
@click.option("--channels", default=16, show_default=True)
@click.option("--side", default=32, show_default=True, help="Height and width in pixels.")
@click.option("--batch-size", default=64, show_default=True)
@click.option("--turns", default=9, show_default=True)
@click.option("--threads", default=0, help="0 for all.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--compiled/--no-compiled", default=False, help="torch.compile too: minutes more.")
@click.option("--only", default="", help="Engines whose name holds this, and the first one.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the record as JSON.")
def main(
    cells: int,
    channels: int,
    side: int,
    batch_size: int,
    turns: int,
    threads: int,
    device: str,
    compiled: bool,
    only: str,
    out: Path | None,
) -> None:
    """Time steps of the search and print a table."""
    if threads:
        torch.set_num_threads(threads)
    place = torch.device(device)
    recipe = search.SearchRecipe(epochs=1, cells=cells, channels=channels, batch_size=batch_size)
    images = noise(batch_size, side)
    first, *others = engines(compiled)
    chosen = [first, *(engine for engine in others if only in engine.name)]
    load = [os.getloadavg()[0]]
    seconds = time_in_turns({e.name: make_step(e, recipe, images, place) for e in chosen}, turns)
    load.append(os.getloadavg()[0])
    rows = [summary(name, times, seconds[first.name]) for name, times in seconds.items()]
    click.echo(
        f"{cells} cells, {channels} channels, {side}x{side}, batch {batch_size}, "
        f"{torch.get_num_threads()} threads; load of the machine {load[0]:.1f}, then {load[1]:.1f}"
    )
    for row in rows:
        click.echo(
            f"{row['engine']:36s} min {row['seconds_min']:7.2f}  median "
            f"{row['seconds_median']:7.2f} s/step   x{row['ratio_median']:.2f} "
            f"({row['ratio_min']:.2f} to {row['ratio_max']:.2f}; of minima "
            f"x{row['ratio_of_minima']:.2f})"
        )
    if out is not None:
        record = {
            "date": date.today().isoformat(),
            "commit": commit(),
            "processor": processor(place),
            "device": device,
            "torch": torch.__version__,
            "numba": numba.__version__,
            "recipe": recipe.to_dict(),
            "side": side,
            "threads": torch.get_num_threads(),
            "turns": turns,
            "load": load,
            "rows": rows,
            "seconds": seconds,
        }
        out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
