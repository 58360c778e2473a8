"""Pages of a reproduction and their CSV files: whatever a cell holds, nothing is torn."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnas.tools.reproduce import Context, Picture, Section, Table, load_scale, write_page
from bnas.tools.reproduce.page import csv_of, page_of, shown

CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def section(*parts: Any, target: str = "table1", verdict: Any = "reproduced") -> Section:
    return Section(
        target=target,
        title=f"Title of {target}",
        claim="What is claimed.",
        verdict=verdict,
        finding="What is found.",
        parts=parts,
    )


def columns_of(line: str) -> list[str]:
    return re.split(r"(?<!\\)\|", line)[1:-1]


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4))
def test_every_row_of_a_page_is_one_line_of_as_many_cells(rows: list[tuple[Any, Any]]) -> None:
    page = page_of([section(Table("t", ("a|b", "c"), tuple(rows), "Caption."))], ())
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(rows)
    assert {len(columns_of(line)) for line in lines} == {2}


# A lone carriage return is the one character that the csv module writes and does not read.
@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_characters="\r")), st.floats(allow_nan=False)),
        max_size=4,
    )
)
def test_a_csv_file_keeps_text_and_numbers_in_full(rows: list[tuple[str, float]]) -> None:
    text = csv_of(Table("t", ("name", "value, ms"), tuple(rows)))
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found[0] == ["name", "value, ms"]
    assert [(name, float(value)) for name, value in found[1:]] == rows


def test_no_value_is_a_dash_on_the_page_and_empty_in_the_file() -> None:
    table = Table("t", ("a", "b"), ((None, 1),))
    assert csv_of(table).splitlines() == ["a,b", ",1"]
    assert "| – | 1 |" in page_of([section(table)], ())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (9999, "9999"),
        (10_000, "10,000"),
        (0.0, "0"),
        (13.9139, "13.91"),
        (1234.5, "1,234"),
        (2.5e-7, "2.500e-07"),
        (3e9, "3.000e+09"),
        ("text", "text"),
    ],
)
def test_values_are_shown_with_four_digits(value: Any, text: str) -> None:
    assert shown(value) == text


def test_only_the_shown_columns_are_on_the_page() -> None:
    table = Table("t", ("a", "b", "c"), ((1, 2, 3),), shown=("c", "a"))
    assert "| 3 | 1 |" in page_of([section(table)], ())
    assert csv_of(table).splitlines()[1] == "1,2,3"


def test_a_page_has_facts_verdicts_links_and_the_full_command(tmp_path: Path) -> None:
    context = Context(scale=load_scale("quick"), out_dir=tmp_path)
    sections = [
        section(Table("first", ("a",), ((1,),)), "A paragraph.", verdict="in part"),
        section(Picture("p.png", "What it shows"), target="fig4", verdict="not reproduced"),
    ]
    assert write_page(context, "README.md", sections, [("machine", "a CPU")]) == "README.md"
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "* **machine**: a CPU" in page
    assert "| [Title of table1](#table1) | reproduced in part |" in page
    assert '<a id="fig4"></a>' in page
    assert "**Not reproduced.** What is found." in page
    assert "![What it shows](p.png)" in page
    assert "`bnas-tools reproduce table1 --scale paper --out DIR`" in page
    assert "`bnas-tools reproduce fig4 --scale paper --data cifar10 --out DIR`" in page
    linked = re.findall(r"\]\((\w+\.csv)\)", page)
    assert linked == ["first.csv"]
    assert (tmp_path / "first.csv").read_text(encoding="utf-8") == "a\n1\n"


def test_json_has_plain_and_finite_values_only() -> None:
    row = (np.float32(0.5), np.int64(3), float("nan"), np.inf, "text", None)
    told = Table("t", tuple("abcdef"), (row,)).to_dict()
    assert json.loads(json.dumps(told, allow_nan=False))["rows"] == [
        {"a": 0.5, "b": 3, "c": None, "d": None, "e": "text", "f": None}
    ]


def test_a_section_as_json_has_its_rows_by_column() -> None:
    told = section(Table("t", ("a", "b"), ((1, None),)), "Text.", Picture("p.svg", "")).to_dict()
    assert told["tables"] == [{"name": "t", "caption": "", "rows": [{"a": 1, "b": None}]}]
    assert told["pictures"] == ["p.svg"]
    assert told["verdict"] == "reproduced"
