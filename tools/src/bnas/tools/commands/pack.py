"""`bnas-tools pack`: a network of one's own training as a weights file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bnas.tools.extras import require
from bnas.tools.options import FilePath, json_option, out_option
from bnas.tools.saving import check_output, save_and_tell

if TYPE_CHECKING:
    from bnas.zoo.packing import RealDtype


@click.command(short_help="Pack a network of your own training.")
@click.argument("checkpoint", type=FilePath(), metavar="CKPT")
@out_option("The weights file to write.")
@click.option(
    "--real-dtype",
    type=click.Choice(["float16", "float32"]),
    default="float32",
    show_default=True,
    help="What the parameters that are not 1 bit are kept in; float16 for a network that was "
    "trained to it.",
)
@json_option
def pack(checkpoint: str, out: str, real_dtype: RealDtype, as_json: bool) -> None:
    """Pack a checkpoint of `bnas-tools train`: one bit a binary weight."""
    require("pack", "torch")
    from bnas import zoo

    check_output(checkpoint, out)
    save_and_tell(zoo.pack(checkpoint, real_dtype=real_dtype), out, as_json=as_json)
