"""`bnas-tools reproduce`: the tables and figures of the paper's supplement, made anew."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnas.tools.document import print_document
from bnas.tools.durations import Duration
from bnas.tools.extras import require
from bnas.tools.options import FilePath, json_option
from bnas.tools.run_options import device_option, skip_corrupt_option
from bnas.tools.stopped import Stopped
from bnas.tools.tables import print_table

if TYPE_CHECKING:
    from bnas.tools.reproduce import Context, Section, UnfinishedError

# Named here too, so that `bnas-tools --help` need not load them; a test compares them.
_TARGETS = (
    "table1", "table2", "table3", "table4", "fig1", "fig2", "fig3", "fig4", "fig5", "bats",
    "baselines", "all",
)  # fmt: skip
_SCALES = ("quick", "reduced", "paper")


@click.command(short_help="Make the tables and figures of the paper's supplement anew.")
@click.argument("target", type=click.Choice(_TARGETS), metavar="TARGET")
@click.option(
    "--out", "out_dir", type=FilePath(directory=True), metavar="DIR", required=True,
    help="Where page, pictures, CSV files and trainings go; made if it is not there.",
)  # fmt: skip
@click.option(
    "--scale", type=click.Choice(_SCALES),
    help="Size of the trainings.  [default: paper on a GPU, else reduced]",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="The same as --scale quick: minutes on a CPU.")
@click.option(
    "--data", "data_dir", type=FilePath(directory=True), metavar="DIR",
    help="CIFAR-10: folders `train` and `test`, each of one folder a class.  "
    "[default: a bundled sample of 600 images, enough to try the command]",
)  # fmt: skip
@skip_corrupt_option
@device_option
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Networks that train at once.  [default: one a core, on a GPU 1]",
)  # fmt: skip
@click.option(
    "--time-limit", "time_limit_s", type=Duration(), metavar="TIME",
    help="Stop training after so long; the same command goes on.",
)  # fmt: skip
@json_option
def reproduce(target: str, out_dir: str, as_json: bool, **asked: Any) -> None:
    """Make a table or figure of the paper's supplement anew, beside what was published.

    TARGET is table1 to table4, fig1 to fig5, bats or baselines (what Sections 1 and 5 say of BATS
    and of binarised DARTS), or all. The page TARGET.md, or README.md for all, has each claim, a
    verdict on it, pictures and tables, and the command that makes it at the paper's size.
    """
    scale = _scale(asked.pop("scale"), asked.pop("quick"))
    _require(target)
    try:
        document = _reproduce(target, out_dir, scale, **asked)
    except KeyboardInterrupt:
        raise Stopped.keeping(out_dir) from None
    if as_json:
        print_document(document)
        return
    rows = [(each["target"], each["title"], each["verdict"]) for each in document["sections"]]
    print_table(f"Reproduced: {document['scale']}", ("target", "what", "verdict"), rows)
    click.echo(f"{click.format_filename(Path(out_dir, document['page']))} written")


def _scale(scale: str | None, quick: bool) -> str | None:
    if quick and scale not in (None, "quick"):
        raise click.UsageError(f"--quick is --scale quick (got --scale {scale} too); give one")
    return "quick" if quick else scale


def _require(target: str) -> None:
    """Refuse what needs a package that is not there, before anything is done."""
    from bnas.tools.reproduce.targets import times, trains

    if trains(target):
        require(f"reproduce {target}", "bnas.search")
    if times(target):
        require(f"reproduce {target}", "torch")


def _reproduce(target: str, out_dir: str, scale: str | None, **asked: Any) -> dict[str, Any]:
    from bnas.tools.reproduce import ALL, UnfinishedError, make_section, targets_of, write_page
    from bnas.tools.reproduce.facts import page_facts, provenance_of

    context = _context(target, out_dir, scale, **asked)
    provenance = provenance_of(_command(target, out_dir, context), context.device)
    facts = page_facts(context, target, provenance)
    page = "README.md" if target == ALL else f"{target}.md"
    draft = f"{Path(page).stem}.partial.md"
    sections: list[Section] = []
    unfinished: UnfinishedError | None = None
    for each in targets_of(target):
        context.tell(f"{each}:")
        try:
            sections.append(make_section(each, context))
        except UnfinishedError as error:  # the others need not wait for these trainings
            unfinished = error
            context.tell(f"{each}: left out, its trainings are not finished")
            continue
        # What is found is there, should a later target fail; an older page stays till then.
        write_page(context, draft, sections, facts)
    if unfinished is not None:
        raise unfinished
    context.path(draft).replace(context.path(page))
    return {
        "target": target,
        "scale": context.scale.name,
        "page": page,
        **provenance,
        "sections": [section.to_dict() for section in sections],
    }


def _context(
    target: str,
    out_dir: str,
    scale: str | None,
    *,
    data_dir: str | None,
    device: str | None,
    workers: int | None,
    **options: Any,
) -> Context:
    from bnas.binops.threads import processors
    from bnas.tools.reproduce import Context
    from bnas.tools.reproduce.destination import make_destination
    from bnas.tools.reproduce.device import check_data, choose_scale_and_device

    found, device = choose_scale_and_device(target, scale, device)
    check_data(target, found, data_dir)
    return Context(
        scale=found,
        out_dir=make_destination(out_dir),
        data_dir=None if data_dir is None else Path(data_dir),
        device=device,
        workers=workers or (processors() if device == "cpu" else 1),
        **options,
        tell=lambda line: click.echo(line, err=True),
    )


def _command(target: str, out_dir: str, context: Context) -> str:
    """Return what repeats the reproduction where the directories are."""
    from bnas.tools.reproduce.targets import trains

    words = ["bnas-tools reproduce", target, "--scale", context.scale.name]
    if context.data_dir is not None:
        words += ["--data", context.data_dir.name]
    if context.device != "cpu":
        words += ["--device", context.device]
    words += ["--workers", str(context.workers)] * trains(target)
    return " ".join([*words[:1], shlex.join([*words[1:], "--out", Path(out_dir).name or "."])])
