"""`bnas-tools import`: the authors' published checkpoints."""

from __future__ import annotations

import click

from bnas.tools.extras import require
from bnas.tools.options import FilePath, ModelName, json_option, out_option
from bnas.tools.saving import check_output, save_and_tell
from bnas.tools.specifications import is_file_name, read_spec


@click.command("import", short_help="Import a checkpoint of the paper's authors.")
@click.argument("checkpoint", type=FilePath(), metavar="CKPT")
@click.option(
    "--model",
    type=ModelName(),
    metavar="NAME",
    required=True,
    help="The network that it is of, such as BNAS-D; or a specification's JSON file.",
)
@out_option("The weights file to write.")
@json_option
def import_official(checkpoint: str, model: str, out: str, as_json: bool) -> None:
    """Import a checkpoint of the paper's authors.

    The file is read with torch; no code in it is run. Its last two convolutions keep their real
    weights, as in the authors' network, so that the answers are the same.
    """
    require("import", "torch")
    from bnas import zoo

    check_output(checkpoint, out)
    network = read_spec(model) if is_file_name(model, ".json") else model
    save_and_tell(zoo.import_official(checkpoint, network), out, as_json=as_json)
