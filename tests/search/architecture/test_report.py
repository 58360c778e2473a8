"""Pictures, costs and the page of a search."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import attrs
import pytest

from bnas import cells, search
from bnas.search import SearchOptions, search_cells
from bnas.search.architecture.pictures import edge_names
from bnas.search.architecture.results import Results

#: Elements that have no end.
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Collects what a page would fetch, its images, and whether its elements are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attributes)
        self.sources += [found[name] or "" for name in ("src", "href") if name in found]
        if tag == "img":
            assert found["alt"]

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("td", "th", "tr"):
            assert self.open[-1] == tag, self.open
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def searched(
    tmp_path_factory: pytest.TempPathFactory,
    recipe: search.SearchRecipe,
    images: search.ImageSet,
) -> search.SearchResult:
    options = SearchOptions(report=True, notice="Only <an> example")
    small = attrs.evolve(recipe, epochs=2)
    return search_cells(small, images, tmp_path_factory.mktemp("searched"), options=options)


@pytest.fixture(scope="module")
def page(searched: search.SearchResult) -> Page:
    parser = Page()
    parser.feed((searched.directory / "report.html").read_text(encoding="utf-8"))
    return parser


def test_the_page_asks_for_nothing_from_anywhere(searched: search.SearchResult, page: Page) -> None:
    assert page.open == []
    assert all(each.startswith("data:image/svg+xml;base64,") for each in page.sources)
    text = (searched.directory / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link|<iframe", text)


def test_its_pictures_are_whole(page: Page) -> None:
    # Of both genotypes, unless they are the same, and five of the progress.
    assert len(page.sources) in (7, 9)
    for source in page.sources:
        root = ElementTree.fromstring(base64.b64decode(source.partition(",")[2]))
        assert root.tag.endswith("svg")


def test_it_says_what_was_searched_and_how_to_go_on(
    searched: search.SearchResult, page: Page
) -> None:
    text = " ".join(page.texts)
    assert "finished: 2 of 2 epochs" in text
    assert "Only <an> example" in text
    assert f"{searched.history[-1].entropy:.3f}" in text
    assert f"--genotype {searched.directory / 'genotype-gamma1.json'} --cells 10" in text
    assert "bnas-tools pack" in text
    assert text.count("BNAS-Mini") == 2
    assert "arch_weight_decay" in text
    assert page.tags.count("h1") == 1
    assert page.tags.count("h2") >= 5


def test_it_can_be_read_on_a_phone(searched: search.SearchResult) -> None:
    text = (searched.directory / "report.html").read_text(encoding="utf-8")
    assert '<meta name="viewport" content="width=device-width' in text
    assert "@media (max-width" in text
    assert text.count("<table") == text.count('<div class="scroll"><table')


def test_costs_are_those_of_the_network_that_would_be_trained(
    searched: search.SearchResult, recipe: search.SearchRecipe
) -> None:
    costs = Results(recipe, searched.directory, 10).costs(searched.history[-1])
    assert [(each.gamma, each.size) for each in costs] == [
        (gamma, size) for gamma in (1, 3) for size in ("BNAS-Mini", "BNAS-A")
    ]
    network = cells.spec("BNAS-A", genotype=searched.genotypes[3])
    assert costs[3].paper == cells.cost(network, rule="paper")
    assert costs[3].deployed == cells.cost(network, rule="deployed")
    assert (costs[3].cells, costs[3].channels) == (20, 36)


def test_pictures_are_refreshed_after_every_epoch(
    tmp_path: Path, recipe: search.SearchRecipe, images: search.ImageSet
) -> None:
    pages: list[str] = []

    def look(metrics: object) -> None:
        if isinstance(metrics, search.SearchEpoch):
            pages.append((tmp_path / "report.html").read_text(encoding="utf-8"))

    small = attrs.evolve(recipe, epochs=2)
    search_cells(small, images, tmp_path, options=SearchOptions(report=True), progress=look)
    assert "under way: 1 of 2 epochs" in pages[0]
    assert "finished: 2 of 2 epochs" in pages[1]


def test_edges_are_named_node_by_node() -> None:
    names = edge_names(14)
    assert names[:5] == ["c(k−2) → 0", "c(k−1) → 0", "c(k−2) → 1", "c(k−1) → 1", "0 → 1"]
    assert names[-1] == "2 → 3"
    assert len(set(names)) == 14


def test_without_matplotlib_a_report_is_refused_before_the_search(
    tmp_path: Path,
    recipe: search.SearchRecipe,
    images: search.ImageSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lacking(_: str) -> None:
        raise ImportError("no matplotlib")

    monkeypatch.setattr("bnas.search.curves.importlib.import_module", lacking)
    told: list[object] = []
    with pytest.raises(search.MissingExtraError, match=r"bnas-search\[plot\]"):
        search_cells(
            recipe,
            images,
            tmp_path,
            options=SearchOptions(report=True),
            progress=told.append,
        )
    assert told == []
