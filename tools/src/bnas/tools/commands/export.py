"""`bnas-tools export`: a packed network for what runs without this toolkit, or trains on."""

from __future__ import annotations

from typing import Any

import click

from bnas.tools import known_names
from bnas.tools.document import print_document
from bnas.tools.export_formats import FORMATS, ExportFormat, ExportRequest
from bnas.tools.extras import require
from bnas.tools.networks import load_network, name_of
from bnas.tools.options import ModelName, json_option, out_option, weights_option
from bnas.tools.saving import check_output
from bnas.tools.specifications import is_file_name
from bnas.tools.tables import print_facts


@click.command(short_help="Write a network as C, as ONNX or for torch.")
@click.argument("model", type=ModelName(known_names.weights), metavar="MODEL")
@weights_option
@click.option(
    "--format",
    "file_format",
    type=click.Choice(list(FORMATS)),
    required=True,
    help="c: one C99 file without dependencies. onnx: an ONNX model. torch: the state of a module.",
)
@out_option("The file to write.")
@click.option(
    "--prefix",
    metavar="NAME",
    help="What public names in C begin with.  [default: the model's name, such as bnas_mini]",
)
@click.option(
    "--input-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Side of the images in pixels, for C and ONNX.  [default: what the network was trained "
    "with]",
)
@click.option(
    "--plain-weights",
    is_flag=True,
    default=None,
    help="ONNX: float32 weights, for tools that compute no constants; a larger file.",
)
@json_option
def export(
    model: str,
    weights: str | None,
    file_format: str,
    out: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Write a packed network in another form: MODEL is a name, or a weights file.

    The C file holds the weights, 1 bit each where they are binary, and all that runs them. It uses
    no heap and no library, works in static memory that is planned ahead, and gives the logits of
    the packed network. How to compile and call it stands at its beginning.

    The ONNX model takes any number of normalised images. It takes the packed network's bits, keeps
    binary weights in 1 bit each, and states classes and normalisation in its metadata.

    The torch file is for torch.load(weights_only=True): the state of bnas.cells.nn.Network and the
    specification that rebuilds it.
    """
    form = FORMATS[file_format]
    given = {name: value for name, value in options.items() if value is not None}
    _check_options(file_format, form, given)
    require(f"export --format {file_format}", *form.needs)
    file = model if weights is None and is_file_name(model, ".safetensors") else weights
    check_output(file or model, out)
    network = load_network(model, weights)
    told = form.write(ExportRequest(network, file, out, given))
    if as_json:
        head = {"model": name_of(network), "format": file_format, "path": out}
        print_document({**head, **told})
        return
    place = ("file", click.format_filename(out))
    print_facts(f"{name_of(network)} {form.title}", [place, *form.facts(told)])


def _check_options(file_format: str, form: ExportFormat, given: dict[str, Any]) -> None:
    """Refuse an option that means nothing for the format.

    Raises:
        click.UsageError: There is one; the formats that have it are named.
    """
    for name in sorted(given.keys() - set(form.options)):
        having = " and ".join(key for key, other in FORMATS.items() if name in other.options)
        option = name.replace("_", "-")
        raise click.UsageError(f"--{option} is of --format {having} (got --format {file_format})")
