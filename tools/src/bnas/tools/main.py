"""The command `bnas-tools`.

Nothing heavy is imported before a command needs it: `bnas-tools --help` and completion are quick.
"""

from __future__ import annotations

import click

from bnas.tools.commands.bench import bench
from bnas.tools.commands.completion import completion
from bnas.tools.commands.cost import cost
from bnas.tools.commands.demo import demo
from bnas.tools.commands.draw import draw
from bnas.tools.commands.evaluate import evaluate
from bnas.tools.commands.export import export
from bnas.tools.commands.import_official import import_official
from bnas.tools.commands.info import info
from bnas.tools.commands.latency import latency
from bnas.tools.commands.list_models import list_models
from bnas.tools.commands.pack import pack
from bnas.tools.commands.predict import predict
from bnas.tools.commands.publish import publish
from bnas.tools.commands.reproduce import reproduce
from bnas.tools.commands.search import search
from bnas.tools.commands.train import train
from bnas.tools.commands.warmup import warmup
from bnas.tools.group import OneLineGroup, tools_version
from bnas.tools.shells import complete_with_these


def _print_version(ctx: click.Context, _: click.Parameter, is_asked: bool) -> None:
    # Not Click's own option: that looks the version up before anybody asks for it.
    if is_asked and not ctx.resilient_parsing:
        click.echo(f"bnas-tools {tools_version()}")
        ctx.exit()


@click.group(
    "bnas-tools",
    cls=OneLineGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Binary neural networks: run, cost, draw, search, train, pack and export them.

    Every command has --json and --help. Environment: BNAS_HOME (cache of weights), BNAS_WEIGHTS
    (a directory or base URL to find weights in), BNAS_OFFLINE=1 (fetch nothing), BNAS_DEBUG=1
    (show the traceback of an unforeseen error).
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _command in (
    predict,
    demo,
    list_models,
    info,
    cost,
    draw,
    evaluate,
    bench,
    search,
    train,
    pack,
    import_official,
    export,
    publish,
    latency,
    warmup,
    completion,
    reproduce,
):
    main.add_command(_command)
complete_with_these()


if __name__ == "__main__":
    main(prog_name="bnas-tools")
