"""`bnas-tools export`: a packed network for machines without Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from bnas.tools.document import print_document
from bnas.tools.networks import load_network, name_of
from bnas.tools.options import ModelName, json_option, out_option, weights_option
from bnas.tools.saving import check_output
from bnas.tools.specifications import is_file_name
from bnas.tools.tables import print_facts
from bnas.tools.units import count

if TYPE_CHECKING:
    from bnas.zoo import PackedNetwork


@frozen
class _Request:
    """What is to be exported, and how.

    Attributes:
        network: The network.
        weights: The weights file that it was read from; None if it is the zoo's.
        out: The file to write.
        prefix: What names begin with; None for the network's own.
        input_size: Side of the images in pixels; None for what the network was trained with.
    """

    network: PackedNetwork
    weights: str | None
    out: str
    prefix: str | None
    input_size: int | None


def _write_c(request: _Request) -> dict[str, Any]:
    """Write a C file; return what there is to say of it."""
    from bnas.zoo.c_export import c_source
    from bnas.zoo.checksum import file_sha256

    source = c_source(
        request.network,
        prefix=request.prefix,
        input_size=request.input_size,
        sha256=None if request.weights is None else file_sha256(request.weights),
    )
    source.save(request.out)
    return {
        "size_bytes": len(source.text),
        "flash_bytes": source.table_bytes,
        "ram_bytes": source.static_bytes,
        "prefix": source.prefix,
        "input_size": source.input_size[0],
    }


#: Format -> what writes it.
_FORMATS: dict[str, Callable[[_Request], dict[str, Any]]] = {"c": _write_c}


@click.command(short_help="Write a network as C, for machines without Python.")
@click.argument("model", type=ModelName(), metavar="MODEL")
@weights_option
@click.option(
    "--format",
    "file_format",
    type=click.Choice(list(_FORMATS)),
    required=True,
    help="c: one C99 file without dependencies.",
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
    help="Side of the images in pixels.  [default: what the network was trained with]",
)
@json_option
def export(
    model: str,
    weights: str | None,
    file_format: str,
    out: str,
    prefix: str | None,
    input_size: int | None,
    as_json: bool,
) -> None:
    """Write a packed network as source code: MODEL is a name, or a weights file.

    The C file holds the weights, 1 bit each where they are binary, and all that runs them. It uses
    no heap and no library, works in static memory that is planned ahead, and gives the logits of
    the packed network. How to compile and call it stands at its beginning.
    """
    file = model if weights is None and is_file_name(model, ".safetensors") else weights
    check_output(file or model, out)
    network = load_network(model, weights)
    told = _FORMATS[file_format](_Request(network, file, out, prefix, input_size))
    if as_json:
        head = {"model": name_of(network), "format": file_format, "path": out}
        print_document({**head, **told})
        return
    side = told["input_size"]
    print_facts(
        f"{name_of(network)} in {file_format.upper()}",
        [
            ("file", click.format_filename(out)),
            ("images", f"{side}x{side} pixels"),
            ("names begin with", told["prefix"]),
            ("flash for tables", f"{count(told['flash_bytes'])} bytes"),
            ("RAM", f"{count(told['ram_bytes'])} bytes"),
        ],
    )
