"""`bnas-tools search`: search binary cells."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnas.tools.document import print_document
from bnas.tools.extras import require
from bnas.tools.options import json_option
from bnas.tools.runs import Interrupted, leads, reading_photos, tell, tell_skipped
from bnas.tools.search_bar import SearchBar
from bnas.tools.search_options import search_options
from bnas.tools.tables import print_facts
from bnas.tools.units import percent

if TYPE_CHECKING:
    from bnas.search import ImageSet, SearchRecipe, SearchResult

_DEMO_NOTICE = (
    "This is a demonstration on 600 bundled images with a small supernet: the cells found mean "
    "nothing. A search in earnest: bnas-tools search --data DIR --out DIR"
)


@click.command(short_help="Search binary cells, or go on with a search.")
@search_options
@json_option
def search(as_json: bool, **asked: Any) -> None:
    """Search the cells of a binary network, or go on with a search that was interrupted.

    It leaves genotypes for `bnas-tools train --genotype`, their pictures and costs, tables, and
    report.html with all of it. Without --data it is a demonstration of a few minutes on bundled
    images. Under torchrun, all processes search together.
    """
    require("search", "bnas.search")
    try:
        result = _search(asked)
    except KeyboardInterrupt:
        raise Interrupted(asked["out_dir"]) from None
    if not leads():
        return
    if as_json:
        print_document(_to_dict(result, asked))
    else:
        print_facts("Cells searched", _facts(result, asked))


def _search(asked: dict[str, Any]) -> SearchResult:
    from bnas.search import SearchOptions, search_cells

    notice = "" if asked["data"] else _DEMO_NOTICE
    if notice:
        tell(notice)
    recipe = _recipe(asked)
    options = SearchOptions(
        device=asked["device"],
        time_limit_s=asked["time_limit_s"],
        threads=1 if notice else None,
        deterministic=asked["deterministic"],
        event_log=asked["events"],
        report=True,
        notice=notice,
    )
    images = _read_images(asked)
    with SearchBar(recipe.epochs) as bar:
        return search_cells(recipe, images, asked["out_dir"], options=options, progress=bar.show)


def _recipe(asked: dict[str, Any]) -> SearchRecipe:
    from bnas.search import changed_search, load_search_recipe

    name = asked["recipe"] or ("paper-search" if asked["data"] else "demo-search")
    changes = list(asked["changes"])
    changes += [
        f"{field}={asked[field]}" for field in ("seed", "order") if asked[field] is not None
    ]
    changes += ["zeroise=false"] if asked["no_zeroise"] else []
    changes += ["skip=none"] if asked["no_skip"] else []
    return changed_search(load_search_recipe(name), changes)


def _read_images(asked: dict[str, Any]) -> ImageSet:
    from bnas.search import read_images, unpack_sample

    root = asked["data"] or unpack_sample(_sample_of(asked))
    with reading_photos() as progress:
        images = read_images(
            Path(root) / "train", skip_corrupt=asked["skip_corrupt"], progress=progress
        )
    tell_skipped(images.skipped)
    return images


def _sample_of(asked: dict[str, Any]) -> Path:
    return Path(asked["out_dir"]) / "sample"


def _to_dict(result: SearchResult, asked: dict[str, Any]) -> dict[str, object]:
    from bnas.search.architecture.results import REPORT_NAME

    return {
        "completed": result.completed,
        "demonstration": not asked["data"],
        "epochs": len(result.history),
        "genotypes": {str(gamma): each.to_dict() for gamma, each in result.genotypes.items()},
        "warnings": list(result.history[-1].warnings) if result.history else [],
        "directory": str(result.directory),
        "report": str(result.directory / REPORT_NAME) if result.history else None,
        "history": [record.to_dict() for record in result.history],
    }


def _facts(result: SearchResult, asked: dict[str, Any]) -> list[tuple[str, str]]:
    from bnas.search.architecture.results import REPORT_NAME, genotype_name

    state = "finished" if result.completed else "stopped; the same command goes on from here"
    facts = [("state", state), ("epochs", str(len(result.history)))]
    if result.history:
        last = result.history[-1]
        data = asked["data"] or _sample_of(asked)
        found = result.directory / genotype_name(1)
        facts += [
            ("top-1, both halves", f"{percent(last.top1)}, {percent(last.arch_top1)}"),
            ("entropy", f"{last.entropy:.3f} of {last.largest_entropy:.3f} nats"),
            ("Zeroise is strongest on", f"{last.zeroise_edges} of {2 * len(last.normal)} edges"),
            ("report", click.format_filename(result.directory / REPORT_NAME)),
            ("cells", click.format_filename(found)),
            ("train them", f"bnas-tools train --genotype {found} --data {data} --out RUN"),
        ]
    return facts
