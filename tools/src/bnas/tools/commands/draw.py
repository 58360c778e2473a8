"""`bnas-tools draw`: a picture of cells or blocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bnas.tools import known_names
from bnas.tools.document import print_document
from bnas.tools.options import ModelName, json_option, out_option
from bnas.tools.specifications import is_file_name, read_spec_or_genotype

if TYPE_CHECKING:
    from bnas.cells import Genotype, Spec
    from bnas.cells.draw import CellPicture
    from bnas.cells.spec import Skip


@click.command(short_help="Draw the cells of a network as SVG or PNG.")
@click.argument(
    "names",
    type=ModelName(known_names.baselines, known_names.genotypes),
    metavar="NAME_OR_FILE.JSON...",
    nargs=-1,
    required=True,
)
@out_option("The picture to write; its name ends in .svg or .png.")
@click.option("--normal", "which", flag_value="normal", help="Draw the normal cell only.")
@click.option("--reduction", "which", flag_value="reduction", help="Draw the reduction cell only.")
@click.option("--both", "which", flag_value="both", help="Draw both side by side.  [default]")
@click.option("--pruned", is_flag=True, help="Leave out what Zeroise makes needless.")
@click.option(
    "--skip",
    type=click.Choice(["none", "previous", "both"]),
    help="The skips between cells of BNAS, instead of the network's own.",
)
@json_option
def draw(
    names: tuple[str, ...],
    out: str,
    which: str | None,
    pruned: bool,
    skip: Skip | None,
    as_json: bool,
) -> None:
    """Draw the cells of networks or of genotypes, as SVG or PNG.

    An argument is a name, or the JSON file of one or the other; several are drawn on one page. Of a
    residual network, the block that keeps the size and the one that halves it are shown. Both cells
    of a single genotype, which says nothing of a network, are shown as BNAS-Mini stacks them.
    """
    which = which or "both"
    wirings = {name: read_spec_or_genotype(name) for name in names}
    if skip is not None and not any(map(_has_choice_of_skip, wirings.values())):
        raise click.UsageError(
            f"`--skip` is a choice of BNAS's cells, and none is here (got {', '.join(names)})"
        )
    if len(names) > 1:
        _draw_several(names, wirings, out, which, pruned, skip)
    elif which == "both":
        _draw_both(wirings[names[0]], out, pruned, skip, label=Path(names[0]).name)
    else:
        _draw_one(wirings[names[0]], out, pruned, skip, reduction=which == "reduction")
    if as_json:
        print_document({"path": out, "cells": which, "pruned": pruned})
    else:
        click.echo(f"{click.format_filename(out)} written")


def _has_choice_of_skip(wiring: Spec | Genotype) -> bool:
    from bnas.cells import Genotype, NetworkSpec

    return isinstance(wiring, Genotype | NetworkSpec)


def _draw_one(
    wiring: Spec | Genotype, out: str, pruned: bool, skip: Skip | None, *, reduction: bool
) -> None:
    from bnas.cells.draw import draw_cell

    draw_cell(wiring, out, reduction=reduction, pruned=pruned, skip=skip)


def _draw_both(
    wiring: Spec | Genotype, out: str, pruned: bool, skip: Skip | None, *, label: str
) -> None:
    from bnas.cells import Genotype, changed, name_of, spec
    from bnas.cells.draw import draw_spec

    title = None
    if isinstance(wiring, Genotype):
        network: Spec = spec("BNAS-Mini", genotype=wiring)
        title = f"{label}, stacked as in BNAS-Mini"
    else:
        network = wiring
    if skip is not None:  # with other skips, the network has no name
        network, title = changed(network, skip=skip), title or name_of(network) or None
    draw_spec(network, out, pruned=pruned, title=title)


def _draw_several(
    names: tuple[str, ...],
    wirings: dict[str, Spec | Genotype],
    out: str,
    which: str,
    pruned: bool,
    skip: Skip | None,
) -> None:
    from bnas.cells.draw import draw_cells

    halves = {"normal": (False,), "reduction": (True,), "both": (False, True)}[which]
    pictures = [
        _picture(name, wirings[name], pruned, skip, reduction=reduction)
        for name in names
        for reduction in halves
    ]
    # Both cells of a network are a row; several of one kind are to be compared side by side.
    draw_cells(pictures, out, columns=2 if which == "both" else None)


def _picture(
    name: str, wiring: Spec | Genotype, pruned: bool, skip: Skip | None, *, reduction: bool
) -> CellPicture:
    from bnas.cells.draw import CellPicture

    return CellPicture(
        wiring,
        reduction=reduction,
        pruned=pruned,
        skip=skip if _has_choice_of_skip(wiring) else None,
        owner=Path(name).name if is_file_name(name, ".json") else None,
    )
