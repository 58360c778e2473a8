"""The tables of the README name what exists; `tests/docs` runs its examples."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from bnas.cells import (
    NetworkSpec,
    cost,
    list_baselines,
    list_specs,
    nodes,
    spec,
)
from bnas.cells.spec import ReductionSkip, Skip, TemplateName
from bnas.cells.testing import ALL_PRIMITIVES

README = Path(__file__).parents[2] / "packages" / "cells" / "README.md"


@pytest.fixture(scope="module")
def text() -> str:
    return README.read_text(encoding="utf-8")


def first_cells(text: str, heading: str) -> set[str]:
    """Return the names in code quotes in the first column of the tables under a heading."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_layer_types_are_all_listed(text):
    assert first_cells(text, "Genotypes") == set(ALL_PRIMITIVES)


def test_the_node_types_are_all_listed(text):
    kinds = {
        name
        for name, kind in vars(nodes).items()
        if isinstance(kind, type) and issubclass(kind, nodes.Node) and not name.startswith("_")
    }
    assert first_cells(text, "The graph") - {"nodes"} == kinds - {"Node"}


def test_the_fields_and_choices_are_all_listed(text):
    fields = {field.name for field in attrs.fields(NetworkSpec)}
    assert first_cells(text, "Networks") - {"NetworkSpec"} == fields - {"genotype"}
    for choice in (*TemplateName.__args__, *Skip.__args__, *ReductionSkip.__args__):
        assert f'| `"{choice}"` |' in text


def test_the_keys_of_a_report_are_all_listed(text):
    report = cost(spec("BNAS-Mini")).to_dict()
    assert [key for key in report if f"`{key}`" not in text] == ["model", "rule"]


def test_the_published_networks_are_named(text):
    assert list_specs()[0] == "BNAS-Mini" and list_specs()[-1] == "BNAS-H"
    assert "BNAS-Mini and BNAS-A to BNAS-H" in text


def test_the_files_it_names_exist(text):
    root = Path(__file__).parents[2]
    named = re.findall(r"`((?:tests|docs)/[\w./-]+)`", text)
    assert len(named) == 2
    assert [path for path in named if not (root / path).is_file()] == []


def test_the_baselines_are_listed_with_their_parameters(text):
    for name in list_baselines():
        assert f"`{name}`" in text
        report = cost(spec(name))
        assert f"{report.params:,} ({report.binary_params:,})" in text
