"""`bnas-tools draw`: a picture of cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bnas.tools.document import print_document
from bnas.tools.options import ModelName, json_option, out_option
from bnas.tools.specifications import read_spec_or_genotype

if TYPE_CHECKING:
    from bnas.cells import Genotype, Spec


@click.command(short_help="Draw the cells of a network as SVG or PNG.")
@click.argument("cells", type=ModelName(), metavar="NAME_OR_FILE.JSON")
@out_option("The picture to write; its name ends in .svg or .png.")
@click.option("--normal", "which", flag_value="normal", help="Draw the normal cell only.")
@click.option("--reduction", "which", flag_value="reduction", help="Draw the reduction cell only.")
@click.option("--both", "which", flag_value="both", help="Draw both side by side.  [default]")
@click.option("--pruned", is_flag=True, help="Leave out what Zeroise makes needless.")
@json_option
def draw(cells: str, out: str, which: str | None, pruned: bool, as_json: bool) -> None:
    """Draw the cells of a network or of a genotype, as SVG or PNG.

    The argument is a name, or the JSON file of one or the other. Both cells of a genotype, which
    says nothing of a network, are shown as BNAS-Mini stacks them.
    """
    which = which or "both"
    wiring = read_spec_or_genotype(cells)
    if which == "both":
        _draw_both(wiring, out, pruned, label=Path(cells).name)
    else:
        _draw_one(wiring, out, pruned, reduction=which == "reduction")
    if as_json:
        print_document({"path": out, "cells": which, "pruned": pruned})
    else:
        click.echo(f"{click.format_filename(out)} written")


def _draw_one(wiring: Spec | Genotype, out: str, pruned: bool, *, reduction: bool) -> None:
    from bnas.cells.draw import draw_cell

    draw_cell(wiring, out, reduction=reduction, pruned=pruned)


def _draw_both(wiring: Spec | Genotype, out: str, pruned: bool, *, label: str) -> None:
    from bnas.cells import Genotype, spec
    from bnas.cells.draw import draw_spec

    if isinstance(wiring, Genotype):
        network = spec("BNAS-Mini", genotype=wiring)
        draw_spec(network, out, pruned=pruned, title=f"{label}, stacked as in BNAS-Mini")
    else:
        draw_spec(wiring, out, pruned=pruned)
