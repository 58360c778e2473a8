"""`page`: a search in one HTML file, which asks for nothing from anywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from bnas.cells import Genotype
from bnas.search.architecture.derive import GAMMAS
from bnas.search.architecture.history import SearchEpoch
from bnas.search.architecture.recipe import SearchRecipe

if TYPE_CHECKING:
    from bnas.search.architecture.results import Cost

_MEANINGS = {1: "the paper's choice on CIFAR-10", 3: "the paper's choice on ImageNet"}
_CAPTIONS = {
    "learning": "Accuracy and cross entropy over both halves of the images, as their batches were "
    "met. The architecture parameters learn from the second half only.",
    "entropy": "Mean entropy of the primitives' probabilities over the 28 edges, and the weight "
    "with which it was rewarded, λ·exp(−t/τ).",
    "shares": "On how many edges each primitive is the most probable (above), and its mean "
    "probability (below).",
    "probabilities": "Probability of each primitive on each edge, now. A red dot marks the most "
    "probable one.",
    "paths": "The same, epoch by epoch.",
}


def page(
    recipe: SearchRecipe,
    history: Sequence[SearchEpoch],
    costs: Sequence[Cost],
    pictures: Mapping[str, Path],
    directory: Path,
    notice: str = "",
) -> str:
    """Return the page.

    Args:
        recipe: Of the search.
        history: At least one record.
        costs: Of networks of the cells found.
        pictures: Name -> SVG, from `draw_all`; they are put into the page.
        directory: Of the search, as it is named in commands.
        notice: A sentence that stands above all else, such as that it is a demonstration.
    """
    body = [
        _head(recipe, history, notice),
        _summary(history[-1]),
        _cells(history[-1], pictures),
        _cost(costs),
        _go_on(recipe, costs, directory),
        _progress(pictures),
        _table(history),
        _settings(recipe),
    ]
    style = resources.files("bnas.search.architecture").joinpath("report.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(_title(recipe))}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{chr(10).join(body)}\n</main>\n</body>\n</html>\n"
    )


def _title(recipe: SearchRecipe) -> str:
    return f"Search of binary cells, seed {recipe.seed}"


def _head(recipe: SearchRecipe, history: Sequence[SearchEpoch], notice: str) -> str:
    done, seconds = len(history), sum(record.seconds for record in history)
    state = "finished" if done == recipe.epochs else "under way"
    lead = (
        f"A supernet of {recipe.cells} cells and {recipe.channels} channels, {state}: "
        f"{done} of {recipe.epochs} epochs in {_time(seconds)}."
    )
    notices = ([notice] if notice else []) + history[-1].warnings
    boxes = "".join(
        f'<div class="notice"><p>{escape(each[0].upper() + each[1:])}.</p></div>'
        for each in (each.rstrip(".") for each in notices)
    )
    return f'<h1>{escape(_title(recipe))}</h1>\n<p class="lead">{escape(lead)}</p>\n{boxes}'


def _summary(last: SearchEpoch) -> str:
    strongest = max(last.strongest, key=lambda name: last.strongest[name])
    facts = [
        ("Accuracy", f"{last.top1:.1f} %", "on the weights' half"),
        ("Accuracy", f"{last.arch_top1:.1f} %", "on the architecture's half"),
        ("Entropy", f"{last.entropy:.3f}", f"of {last.largest_entropy:.3f} nats"),
        ("Zeroise", f"{last.zeroise_edges}", "is strongest, of 28 edges"),
        ("Most frequent", _share(last.strongest[strongest]), f"of edges: {strongest}"),
    ]
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(unit)}</small></dd></div>"
        for name, value, unit in facts
    )
    return f'<dl class="figures">{cells}</dl>'


def _cells(last: SearchEpoch, pictures: Mapping[str, Path]) -> str:
    parts = ["<h2>The cells found</h2>"]
    parts.append(
        "<p>Each edge takes its most probable primitive, Zeroise counting p/γ; each node keeps "
        "its two most probable edges. A larger γ keeps more layers. Skips between cells are red, "
        "c(k−2) is dotted.</p>"
    )
    same = last.genotype(GAMMAS[0]) == last.genotype(GAMMAS[1])
    for gamma in GAMMAS:
        parts.append(f"<h3>γ = {gamma}, {_MEANINGS[gamma]}</h3>")
        if same and gamma == GAMMAS[1]:
            parts.append("<p>The same cells as with γ = 1: no Zeroise was close.</p>")
            continue
        figures = [
            _figure(
                pictures[f"{kind}-gamma{gamma}"],
                f"{kind.capitalize()} cell: {_words(last.genotype(gamma), kind == 'reduction')}",
            )
            for kind in ("normal", "reduction")
        ]
        parts.append(f'<div class="pair">{"".join(figures)}</div>')
        text = escape(last.genotype(gamma).to_json())
        parts.append(
            f"<details><summary>Genotype as JSON</summary><pre><code>{text}</code></pre></details>"
        )
    return "\n".join(parts)


def _words(genotype: Genotype, reduction: bool) -> str:
    names = [name for name, _ in genotype.cell(reduction)]
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return ", ".join(f"{count} × {name}" for name, count in counts.items())


def _cost(costs: Sequence[Cost]) -> str:
    head = (
        '<tr><th>γ</th><th>stacked as</th><th class="n">cells</th><th class="n">channels</th>'
        '<th class="n">params</th><th class="n">FLOPs, paper</th><th class="n">memory, paper</th>'
        '<th class="n">FLOPs, deployed</th><th class="n">memory, deployed</th></tr>'
    )
    rows = "".join(_cost_row(each) for each in costs)
    return (
        "<h2>What they cost</h2>\n<p>Networks of these cells, with the cells and channels of "
        "published ones, for one image. <em>Paper</em> counts as the paper does and leaves the "
        "skip convolutions of reduction cells out; <em>deployed</em> counts what is stored and run "
        f'once Zeroise is pruned.</p>\n<div class="scroll"><table>{head}{rows}</table></div>'
    )


def _cost_row(found: Cost) -> str:
    numbers = [
        f"{found.cells}",
        f"{found.channels}",
        f"{found.paper.params / 1e6:.2f} M",
        _flops(found.paper.flops),
        _bytes(found.paper.memory_bytes),
        _flops(found.deployed.flops),
        _bytes(found.deployed.memory_bytes),
    ]
    cells = "".join(f'<td class="n">{number}</td>' for number in numbers)
    return f"<tr><td>{found.gamma}</td><td>{escape(found.size)}</td>{cells}</tr>"


def _go_on(recipe: SearchRecipe, costs: Sequence[Cost], directory: Path) -> str:
    size = costs[0]
    skip = "" if recipe.skip == "previous" else f" --skip {recipe.skip}"
    commands = (
        f"bnas-tools train --genotype {directory / 'genotype-gamma1.json'} --cells {size.cells} "
        f"--channels {size.channels}{skip} \\\n    --data DIR --out RUN\n"
        "bnas-tools pack RUN/final.pt -o cells.safetensors\n"
        "bnas-tools predict --weights cells.safetensors photo.jpg"
    )
    return (
        "<h2>How to go on</h2>\n<p>The weights of the supernet are of no further use: the cells "
        "are stacked anew and trained from the beginning, then packed to single bits.</p>\n"
        f"<pre><code>{escape(commands)}</code></pre>"
    )


def _progress(pictures: Mapping[str, Path]) -> str:
    figures = {
        name: _figure(pictures[name], caption, wide=name == "paths")
        for name, caption in _CAPTIONS.items()
    }
    pairs = (("learning", "entropy"), ("shares", "probabilities"))
    rows = [f'<div class="pair">{figures[one]}{figures[two]}</div>' for one, two in pairs]
    return "\n".join(["<h2>How the search went</h2>", *rows, figures["paths"]])


def _figure(path: Path, caption: str, *, wide: bool = False) -> str:
    content = path.read_bytes()
    text = escape(caption, quote=True)
    source = base64.b64encode(content).decode()
    image = f'<img alt="{text}" src="data:image/svg+xml;base64,{source}">'
    holder = f'<div class="wide">{image}</div>' if wide else image
    # In a row, figures share the width as their own widths are: all are shown at one scale.
    width = re.search(rb'<svg[^>]*? width="([0-9.]+)pt"', content)
    share = f' style="flex-grow:{width[1].decode()}"' if width else ""
    return f"<figure{share}>{holder}<figcaption>{text}</figcaption></figure>"


def _table(history: Sequence[SearchEpoch]) -> str:
    names = list(history[-1].strongest)
    head = "".join(
        f'<th class="n">{escape(each)}</th>'
        for each in (
            "epoch",
            "loss",
            "top-1",
            "arch. loss",
            "arch. top-1",
            "entropy",
            "Zeroise edges",
            "learning rate",
            *(f"{name}, %" for name in names),
        )
    )
    rows = "".join(_table_row(record, names) for record in history)
    return (
        "<h2>Every epoch</h2>\n<p>Of a primitive, the share of edges on which it is the most "
        "probable. The same as <code>metrics.csv</code>; architecture parameters are in "
        "<code>history.jsonl</code>.</p>\n<details open><summary>Table</summary>"
        f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div></details>'
    )


def _table_row(record: SearchEpoch, names: Sequence[str]) -> str:
    values = [
        f"{record.epoch + 1}",
        f"{record.loss:.3f}",
        f"{record.top1:.1f}",
        f"{record.arch_loss:.3f}",
        f"{record.arch_top1:.1f}",
        f"{record.entropy:.3f}",
        f"{record.zeroise_edges}",
        f"{record.learning_rate:.4f}",
        *(f"{100 * record.strongest[name]:.0f}" for name in names),
    ]
    return "<tr>" + "".join(f'<td class="n">{value}</td>' for value in values) + "</tr>"


def _settings(recipe: SearchRecipe) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(str(value))}</td></tr>"
        for name, value in recipe.to_dict().items()
    )
    return (
        "<h2>Settings</h2>\n<details><summary>All fields of the recipe</summary>"
        f'<div class="scroll"><table>{rows}</table></div></details>\n<footer>After Kim, Singh, '
        "Choi, <em>Learning Architectures for Binary Networks</em>, ECCV 2020. Written by "
        "bnas-search.</footer>"
    )


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def _flops(flops: float) -> str:
    return f"{flops / 1e6:.1f} M"


def _bytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
