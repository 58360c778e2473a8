"""`bnas-tools search`: search binary cells."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnas.tools.document import print_document
from bnas.tools.extras import require
from bnas.tools.group import message_of
from bnas.tools.options import json_option
from bnas.tools.ray_sweep import Report, run_all_on_ray
from bnas.tools.runs import Interrupted, leads, reading_photos, tell, tell_skipped
from bnas.tools.search_bar import SearchBar
from bnas.tools.search_options import search_options
from bnas.tools.stopped import Stopped
from bnas.tools.sweep import Case, Outcome, case_directory, cases_of, run_all
from bnas.tools.tables import print_facts, print_table
from bnas.tools.units import NONE, percent

if TYPE_CHECKING:
    from bnas.search import ImageSet, SearchEpoch, SearchRecipe, SearchResult, StepMetrics

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
    report.html with all of it. Without --data it is a demonstration of a minute or two on
    bundled images. Under torchrun, all processes search together.
    """
    require("search", "bnas.search")
    cases = cases_of(asked["seeds"], asked["changes"])
    if len(cases) > 1 or asked["engine"] == "ray":
        _sweep(cases, asked, as_json)
        return
    asked["changes"] = cases[0].changes
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


def _sweep(cases: list[Case], asked: dict[str, Any], as_json: bool) -> None:
    """Search every case, elsewhere; in the end, a table or a document of them all."""
    if asked["seed"] is not None and asked["seeds"]:
        raise click.UsageError("--seed and --seeds exclude each other")
    try:
        outcomes = _run(cases, asked)
    except KeyboardInterrupt:
        raise Stopped(
            "interrupted; the same command goes on with those that have not ended"
        ) from None
    if as_json:
        print_document({"searches": [_outcome(each, asked) for each in outcomes]})
    else:
        heads = ("search", "state", "top-1", "arch. top-1", "entropy", "Zeroise", "strongest")
        rows = [_outcome_row(each) for each in outcomes]
        print_table("Searches", heads, rows, numbers="top-1 arch. entropy Zeroise")
    failed = sum(each.document is None for each in outcomes)
    if failed:
        raise click.ClickException(f"{failed} of {len(outcomes)} searches failed, the others ended")


def _run(cases: list[Case], asked: dict[str, Any]) -> list[Outcome]:
    """Search every case in a process of its own, here or on Ray."""
    if asked["engine"] == "processes":
        return run_all(cases, lambda case: _arguments(case, asked), asked["workers"], tell)
    return run_all_on_ray(
        cases,
        functools.partial(_search_case, _anywhere(asked)),
        asked["out_dir"],
        workers=asked["workers"],
        gpu=asked["device"].startswith("cuda") if asked["device"] else None,
        tell=tell,
    )


def _anywhere(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked with paths and devices that mean the same in every trial."""
    places = ["out_dir", *(name for name in ("data", "recipe") if asked[name])]
    # A recipe may be a name.
    named = {
        name: str(Path(asked[name]).resolve())
        for name in places
        if name != "recipe" or Path(asked[name]).is_file()
    }
    is_gpu = (asked["device"] or "").startswith("cuda")
    return {**asked, **named, "device": "cuda" if is_gpu else asked["device"]}


def _search_case(asked: dict[str, Any], case: Case, report: Report) -> dict[str, Any] | str:
    """Search a case here; return its document, or what went wrong."""
    asked = {**asked, "out_dir": case_directory(asked["out_dir"], case), "changes": case.changes}
    try:
        return _to_dict(_search(asked, report), asked)
    except Exception as error:
        return message_of(error, search)


def _arguments(case: Case, asked: dict[str, Any]) -> list[str]:
    words = ["search", "--json", "--out", case_directory(asked["out_dir"], case)]
    for change in case.changes:
        words += ["--set", change]
    for name in ("data", "recipe", "order", "device"):
        words += [f"--{name}", asked[name]] if asked[name] is not None else []
    if asked["seed"] is not None:
        words += ["--seed", str(asked["seed"])]
    if asked["time_limit_s"] is not None:
        words += ["--time-limit", f"{asked['time_limit_s']}s"]
    switches = ("no_zeroise", "no_skip", "cuda_graphs", "deterministic", "events", "skip_corrupt")
    for name in switches:
        words += [f"--{name.replace('_', '-')}"] if asked[name] else []
    return words


def _outcome(outcome: Outcome, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": outcome.case.name,
        "changes": list(outcome.case.changes),
        "directory": case_directory(asked["out_dir"], outcome.case),
        "error": outcome.error or None,
        "result": outcome.document,
    }


def _outcome_row(outcome: Outcome) -> list[str]:
    document = outcome.document
    if document is None:
        return [outcome.case.name, f"failed: {outcome.error}", *[NONE] * 5]
    state = "finished" if document["completed"] else "stopped"
    if not document["history"]:
        return [outcome.case.name, state, *[NONE] * 5]
    last = document["history"][-1]
    strongest = max(last["strongest"], key=lambda name: last["strongest"][name])
    return [
        outcome.case.name,
        state,
        percent(last["top1"]),
        percent(last["arch_top1"]),
        f"{last['entropy']:.3f}",
        str(last["zeroise_edges"]),
        f"{strongest} {100 * last['strongest'][strongest]:.0f} %",
    ]


def _search(asked: dict[str, Any], report: Report | None = None) -> SearchResult:
    from bnas.search import SearchEpoch, SearchOptions, search_cells

    notice = "" if asked["data"] else _DEMO_NOTICE
    if notice:
        tell(notice)
    recipe = _recipe(asked)
    options = SearchOptions(
        device=asked["device"],
        time_limit_s=asked["time_limit_s"],
        threads=1 if notice else None,
        deterministic=asked["deterministic"],
        cuda_graphs=asked["cuda_graphs"],
        event_log=asked["events"],
        report=True,
        notice=notice,
    )
    images = _read_images(asked)
    with SearchBar(recipe.epochs) as bar:

        def show(metrics: StepMetrics | SearchEpoch) -> None:
            bar.show(metrics)
            if report is not None and isinstance(metrics, SearchEpoch):
                report(_numbers_of(metrics))

        return search_cells(recipe, images, asked["out_dir"], options=options, progress=show)


def _numbers_of(epoch: SearchEpoch) -> dict[str, float]:
    """Return what a chart of the epochs would show."""
    return {
        name: value for name, value in epoch.to_dict().items() if isinstance(value, int | float)
    }


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
