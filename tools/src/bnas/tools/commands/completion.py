"""`bnas-tools completion`: what makes a shell complete the command."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from bnas.tools.document import print_document
from bnas.tools.options import json_option

_PROGRAM, _VARIABLE = "bnas-tools", "_BNAS_TOOLS_COMPLETE"


_WHERE_TO = """\b
bash  bnas-tools completion bash > ~/.local/share/bash-completion/completions/bnas-tools
zsh   bnas-tools completion zsh > DIR/_bnas-tools, where DIR is in $fpath
fish  bnas-tools completion fish > ~/.config/fish/completions/bnas-tools.fish
"""


@click.command(
    short_help="Print what makes bash, zsh or fish complete bnas-tools.", epilog=_WHERE_TO
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
@json_option
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> None:
    """Print the script that makes a shell complete bnas-tools.

    SHELL is bash (4.4 or newer), zsh or fish. The script asks bnas-tools itself, at each press of
    the tabulator key, what fits.
    """
    kind = get_completion_class(shell)
    assert kind is not None  # the three are Click's own
    script = kind(ctx.find_root().command, {}, _PROGRAM, _VARIABLE).source()
    if as_json:
        print_document({"shell": shell, "script": script})
    else:
        click.echo(script)
