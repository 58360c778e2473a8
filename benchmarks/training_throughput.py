"""Images/s of a training step: the plain module against the engines of `bnas.search`.

The plain module is what one writes first: every layer as published, nothing pruned, eager, float32.
Engines take turns step by step, so that a disturbance of the machine hits all of them; minima and
medians are over the turns. All but the plain module have weights and images in the order in which
`bnas.search` would train them on the device (`engine.memory_format`): channels last on a GPU, but
not on a CPU, where it would slow the rivals of the fused engine down.

    python -m benchmarks.training_throughput --model BNAS-Mini --batch-size 128 --turns 9
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import click
import numba
import torch
import torch.nn.functional as functional
from attrs import frozen
from torch import Tensor, nn

from bnas import cells
from bnas.cells.nn import Network
from bnas.search.engine import autocast, make_runner, memory_format
from bnas.search.parallel import Processes
from bnas.search.recipe import Recipe

#: Steps of every engine before anything is timed; CUDA graphs are recorded in the second.
_WARM_UP = 4


@frozen
class Engine:
    """One way to take a training step.

    Attributes:
        name: For the table.
        recipe: Precision and engine.
        pruned: Whether the graph is pruned.
        ordered: Whether weights and images are in the order in which `bnas.search` has them.
        cuda_graphs: Whether the passes are replayed as CUDA graphs.
    """

    name: str
    recipe: Recipe
    pruned: bool = True
    ordered: bool = True
    cuda_graphs: bool = False


def engines(device: torch.device, with_compiled: bool) -> tuple[Engine, ...]:
    """Return the plain module first, then what is to beat it."""
    eager = Recipe(epochs=1)
    half = Recipe(epochs=1, precision="bfloat16")
    found = [
        Engine("plain: unpruned, eager, float32", eager, pruned=False, ordered=False),
        Engine("pruned, eager, float32", eager),
        Engine("pruned, eager, bfloat16", half),
    ]
    if with_compiled:
        compiled = Recipe(epochs=1, precision="bfloat16", engine="compiled")
        found.append(Engine("pruned, compiled, bfloat16", compiled))
        if device.type == "cuda":
            name = "pruned, compiled, CUDA graphs, bfloat16"
            found.append(Engine(name, compiled, cuda_graphs=True))
    if device.type == "cpu":
        fused = Recipe(epochs=1, precision="bfloat16", engine="fused")
        found.append(Engine("pruned, fused, bfloat16", fused))
    return tuple(found)


def make_step(
    engine: Engine, spec: cells.Spec, images: Tensor, labels: Tensor
) -> Callable[[], None]:
    """Return a function that takes one step of SGD on the batch, to its end."""
    torch.manual_seed(0)
    device = images.device
    network = Network(spec, pruned=engine.pruned).to(device).train()
    if engine.ordered:
        # torch declares no `memory_format` for modules.
        network = network.to(memory_format=memory_format(device))  # type: ignore[call-overload]
        images = images.contiguous(memory_format=memory_format(device))
    runner: nn.Module = make_runner(
        network, engine.recipe, Processes(device=device), engine.cuda_graphs
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        network.project_latents_()
        if engine.cuda_graphs:
            torch.compiler.cudagraph_mark_step_begin()
        with autocast(engine.recipe, device):
            logits = runner(images)
        loss = functional.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return step


def time_in_turns(steps: dict[str, Callable[[], None]], turns: int) -> dict[str, list[float]]:
    """Return seconds a step, for every engine as many as there are turns."""
    for step in steps.values():
        for _ in range(_WARM_UP):
            step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(turns):
        for name, step in steps.items():
            begun = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - begun)
    return seconds


def commit() -> str:
    """Return the hash of the commit that is measured, "-dirty" where files differ from it."""
    describe = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        done = subprocess.run(
            describe, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown: no git checkout"
    return done.stdout.strip()


def processor(device: torch.device) -> str:
    """Return the model of the CPU, or of the GPU where steps run on one."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


@click.command()
@click.option("--model", default="BNAS-Mini", show_default=True)
@click.option("--side", default=32, show_default=True, help="Height and width in pixels.")
@click.option("--batch-size", default=128, show_default=True)
@click.option("--turns", default=9, show_default=True)
@click.option("--threads", default=0, help="0 for all.")
@click.option("--device", default="cpu", show_default=True)
@click.option("--compiled/--no-compiled", default=False, help="torch.compile too: a minute more.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the record as JSON.")
def main(
    model: str,
    side: int,
    batch_size: int,
    turns: int,
    threads: int,
    device: str,
    compiled: bool,
    out: Path | None,
) -> None:
    """Time training steps and print a table."""
    if threads:
        torch.set_num_threads(threads)
    place = torch.device(device)
    source = torch.Generator().manual_seed(0)
    spec = cells.spec(model)
    images = torch.randn(batch_size, 3, side, side, generator=source).to(place)
    labels = torch.randint(spec.num_classes, (batch_size,), generator=source).to(place)
    steps = {e.name: make_step(e, spec, images, labels) for e in engines(place, compiled)}
    seconds = time_in_turns(steps, turns)
    plain = seconds[next(iter(seconds))]
    rows = [
        {
            "engine": name,
            "images_per_s_best": batch_size / min(times),
            "images_per_s_median": batch_size / statistics.median(times),
            "ratio_best": min(plain) / min(times),
            "ratio_median": statistics.median(plain) / statistics.median(times),
        }
        for name, times in seconds.items()
    ]
    click.echo(f"{model}, {side}x{side}, batch {batch_size}, {torch.get_num_threads()} threads")
    for row in rows:
        click.echo(
            f"{row['engine']:45s} best {row['images_per_s_best']:8.1f}  median "
            f"{row['images_per_s_median']:8.1f} images/s   x{row['ratio_best']:.2f} "
            f"(median x{row['ratio_median']:.2f})"
        )
    if out is not None:
        record = {
            "date": date.today().isoformat(),
            "commit": commit(),
            "processor": processor(place),
            "device": device,
            "memory_format": str(memory_format(place)).removeprefix("torch."),
            "torch": torch.__version__,
            "numba": numba.__version__,
            "model": model,
            "side": side,
            "batch_size": batch_size,
            "threads": torch.get_num_threads(),
            "turns": turns,
            "rows": rows,
        }
        out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
