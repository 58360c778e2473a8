"""`bnas-tools bench`: how fast a network runs here, beside other runtimes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bnas.tools import known_names
from bnas.tools.document import print_document
from bnas.tools.extras import require
from bnas.tools.lists import Names, Numbers
from bnas.tools.networks import load_network, name_of
from bnas.tools.options import FilePath, ModelName, json_option, weights_option
from bnas.tools.saving import check_folder, write_document
from bnas.tools.specifications import read_spec
from bnas.tools.tables import status_line

if TYPE_CHECKING:
    from bnas.tools.bench import Findings
    from bnas.zoo import PackedNetwork

# Named here too, so that `bnas-tools --help` need not load the benchmark; a test compares them.
_RUNTIMES = (
    "packed",
    "torch",
    "torch-compile",
    "onnxruntime",
    "onnxruntime-int8",
    "openvino",
    "openvino-int8",
    "openvino-binary",
)
_CUDA_RUNTIMES = ("packed", "torch-bf16", "torch-compile-bf16", "torch-overhead-bf16")
_DEFAULT_RUNTIMES = {"cpu": ("packed", "torch"), "cuda": _CUDA_RUNTIMES}


@click.command(short_help="Time a network, beside other runtimes.")
@click.argument(
    "model", type=ModelName(known_names.weights), metavar="[MODEL_OR_FILE]", required=False
)
@click.option(
    "--device", type=click.Choice(tuple(_DEFAULT_RUNTIMES)), default="cpu", show_default=True,
    help="What to compute on; cuda is the first NVIDIA GPU.",
)  # fmt: skip
@click.option(
    "--batch", "batches", type=Numbers(), metavar="N,…", default="1", show_default=True,
    help="Images at once, 1 to 64; on a GPU 1 to 1024.",
)  # fmt: skip
@click.option(
    "--threads", type=Numbers(), metavar="N,…", default="1", show_default=True,
    help="Threads of every runtime, 1 to the number of cores.",
)  # fmt: skip
@click.option(
    "--runtime", "runtimes", type=Names(tuple(dict.fromkeys((*_RUNTIMES, *_CUDA_RUNTIMES)))),
    metavar="NAME,…",
    help=f"Among {', '.join(_RUNTIMES)}; on a GPU {', '.join(_CUDA_RUNTIMES)}.  "
    "[default: packed,torch; on a GPU all]",
)  # fmt: skip
@click.option(
    "--rounds", type=click.IntRange(min=1), metavar="N", default=15, show_default=True,
    help="Turns of each runtime; fewer where a call takes long.",
)  # fmt: skip
@click.option(
    "--random-weights", is_flag=True,
    help="Time a model that nobody has trained: with random weights, named NAME.random.",
)  # fmt: skip
@click.option("--out", type=FilePath(), metavar="FILE", help="Write the JSON document there too.")
@click.option(
    "--chart", type=FilePath(), metavar="FILE", help="Draw a bar chart: .png, .svg or .pdf."
)
@weights_option
@json_option
def bench(
    model: str | None,
    weights: str | None,
    random_weights: bool,
    out: str | None,
    chart: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Time a network on this machine, packed and on other runtimes.

    Each runtime has a process of its own; they take turns, with the same pruned network, weights,
    images and threads. What is not installed is left out, and told.
    """
    from bnas.tools.bench.chart import check_chart_name, draw_chart
    from bnas.tools.bench.device_time import gpu_facts, require_gpu
    from bnas.tools.bench.machine import provenance
    from bnas.tools.bench_table import LEGEND, print_findings

    for path in (out, chart):
        check_folder(path)
    if chart is not None:
        check_chart_name(chart)
    asked["runtimes"] = asked["runtimes"] or _DEFAULT_RUNTIMES[asked["device"]]
    if asked["device"] == "cuda":
        require_gpu()
    network, name = _network(model, weights, random_weights)
    findings = _measure(network, name, **asked)
    document = {**provenance(_command(name, random_weights, **asked)), **findings.to_dict()}
    if asked["device"] == "cuda":
        document["machine"] |= gpu_facts()
    if out is not None:
        write_document(out, document)
    if chart is not None:
        draw_chart(findings.records, chart, title=name, machine=document["machine"])
    if as_json:
        print_document(document)
        return
    machine = document["machine"]
    print_findings(f"{name} on {machine.get('gpu', machine['cpu'])}", findings)
    click.echo(LEGEND)


def _network(
    model: str | None, weights: str | None, random_weights: bool
) -> tuple[PackedNetwork, str]:
    if not random_weights:
        try:
            network = load_network(model, weights)
        except click.ClickException as error:  # no weights: nobody has trained it, or not here
            hint = "--random-weights times it all the same"
            raise click.ClickException(f"{error.message}; {hint}") from error
        return network, name_of(network)
    if model is None or weights is not None:
        raise click.UsageError("--random-weights needs the name of a model, and no --weights")
    require("bench --random-weights", "torch")
    from bnas.tools.bench.random_weights import TAG, random_network

    network = random_network(read_spec(model))
    return network, f"{name_of(network)}.{TAG}"


def _measure(
    network: PackedNetwork,
    name: str,
    *,
    device: str,
    batches: tuple[int, ...],
    threads: tuple[int, ...],
    runtimes: tuple[str, ...],
    rounds: int,
) -> Findings:
    from bnas.tools.bench import Plan, bench_network, read_runtimes

    plan = Plan(read_runtimes(runtimes, device), batches, threads, rounds)
    with status_line() as tell:
        findings = bench_network(network, name, network.preprocessing.size, plan, tell)
    left_out = [f"{each.runtime}: {each.reason}" for each in findings.skipped]
    if not findings.records:
        raise click.ClickException("\n  - ".join(["nothing could be measured", *left_out]))
    for line in left_out:
        click.echo(f"left out: {line}", err=True)
    return findings


def _command(name: str, random_weights: bool, **asked: Any) -> str:
    """Return what repeats the measurement."""
    model = name.rpartition(".")[0] if random_weights else name
    words = ["bnas-tools bench", model]
    if asked["device"] != "cpu":
        words += ["--device", asked["device"]]
    for option, value in (
        ("--batch", asked["batches"]),
        ("--threads", asked["threads"]),
        ("--runtime", asked["runtimes"]),
        ("--rounds", (asked["rounds"],)),
    ):
        words += [option, ",".join(map(str, value))]
    return " ".join(words + ["--random-weights"] * random_weights)
