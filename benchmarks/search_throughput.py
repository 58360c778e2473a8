"""Steps/s of the architecture search: the plain supernet against the shared one.

A step is what first-order DARTS does for one batch: an update of the architecture parameters on
validation images, then an update of the weights on training images. The plain supernet is what one
writes first, and what the authors do: one module for every edge and primitive, all gradients in
both halves of a step, float32. Engines take turns step by step, so that a disturbance of the
machine hits all of them; minima and medians are over the turns.

    python benchmarks/search_throughput.py --batch-size 64 --threads 2 --turns 5
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from datetime import date
from pathlib import Path

import click
import torch
import torch.nn.functional as functional
from attrs import frozen
from torch import Tensor
from training_throughput import commit, processor, time_in_turns

from bnas import search


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
    precision: str = "float32"
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


@frozen
class Batch:
    """Images and labels.

    Attributes:
        images: float32 (N, 3, H, W).
        labels: int64 (N,).
    """

    images: Tensor
    labels: Tensor


def make_step(
    engine: Engine, space: search.SearchSpace, train: Batch, validation: Batch
) -> Callable[[], None]:
    """Return a function that takes one step of the search, to its end."""
    torch.manual_seed(0)
    device = train.images.device
    supernet = search.Supernet(space, engine=engine.engine).to(device).train()
    runner = torch.compile(supernet, dynamic=False) if engine.compiled else supernet
    arch, weights = list(supernet.arch_parameters.values()), list(supernet.weights())
    of_weights = torch.optim.SGD(weights, lr=0.025, momentum=0.9, weight_decay=3e-4)
    of_arch = torch.optim.Adam(arch, lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3)

    def loss_of(batch: Batch) -> Tensor:
        half = engine.precision == "bfloat16"
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = runner(batch.images)
        return functional.cross_entropy(logits.float(), batch.labels)

    def descend(loss: Tensor, optimizer: torch.optim.Optimizer, own: list[Tensor]) -> None:
        supernet.zero_grad()
        loss.backward(inputs=None if engine.all_gradients else own)
        optimizer.step()

    def step() -> None:
        supernet.project_latents_()
        normal, reduce = arch
        descend(search.search_objective(loss_of(validation), normal, reduce, 0.0), of_arch, arch)
        descend(loss_of(train), of_weights, weights)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step


def draw(count: int, side: int, classes: int, device: torch.device, seed: int) -> Batch:
    """Return noise with labels."""
    source = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, side, side, generator=source).to(device)
    return Batch(images, torch.randint(classes, (count,), generator=source).to(device))


@click.command()
@click.option("--cells", default=8, show_default=True)
@click.option("--channels", default=16, show_default=True)
@click.option("--side", default=32, show_default=True, help="Height and width in pixels.")
@click.option("--batch-size", default=64, show_default=True)
@click.option("--turns", default=5, show_default=True)
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
    space = search.SearchSpace(cells=cells, channels=channels)
    train, validation = (draw(batch_size, side, space.num_classes, place, s) for s in (1, 2))
    first, *others = engines(compiled)
    chosen = [first, *(engine for engine in others if only in engine.name)]
    steps = {engine.name: make_step(engine, space, train, validation) for engine in chosen}
    seconds = time_in_turns(steps, turns)
    plain = seconds[first.name]
    rows = [
        {
            "engine": name,
            "seconds_best": min(times),
            "seconds_median": statistics.median(times),
            "ratio_best": min(plain) / min(times),
            "ratio_median": statistics.median(plain) / statistics.median(times),
        }
        for name, times in seconds.items()
    ]
    click.echo(
        f"{cells} cells, {channels} channels, {side}x{side}, batch {batch_size}, "
        f"{torch.get_num_threads()} threads"
    )
    for row in rows:
        click.echo(
            f"{row['engine']:36s} best {row['seconds_best']:7.2f}  median "
            f"{row['seconds_median']:7.2f} s/step   x{row['ratio_best']:.2f} "
            f"(median x{row['ratio_median']:.2f})"
        )
    if out is not None:
        record = {
            "date": date.today().isoformat(),
            "commit": commit(),
            "processor": processor(place),
            "device": device,
            "torch": torch.__version__,
            "space": json.loads(space.to_json()),
            "side": side,
            "batch_size": batch_size,
            "threads": torch.get_num_threads(),
            "turns": turns,
            "rows": rows,
        }
        out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
