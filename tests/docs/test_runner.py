"""The runner of examples notices what is wrong with a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from maintenance.examples import ExampleError, run_page
from maintenance.expected_output import difference
from maintenance.markdown_page import PageError, read_page

FENCE = "`" * 3


def fenced(language: str, *lines: str) -> str:
    return "\n".join([f"{FENCE}{language}", *lines, FENCE, ""])


@pytest.fixture
def run(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()

    def run_text(*parts: str, slow: bool = False) -> int:
        page = tmp_path / "page.md"
        page.write_text("\n".join(parts), encoding="utf-8")
        return run_page(page, folder, slow=slow)

    return run_text


def test_blocks_share_names_folder_and_files(run) -> None:
    count = run(
        fenced('python title="mine.py"', "value = 4"),
        "<!-- hidden example\nhidden = 3\n-->",
        fenced(
            "python",
            "import mine, pathlib",
            "pathlib.Path('x').write_text(str(mine.value + hidden))",
        ),
        fenced("console", "$ cat x", "7", "$ python -c 'import mine; print(mine.value)'", "4"),
        fenced("python", ">>> mine.value", "4"),
        fenced("python", "print('a\\nb')"),
        fenced("text", "a", "..."),
    )
    assert count == 6


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([fenced("python", "1 / 0")], "ZeroDivisionError"),
        ([fenced("python", ">>> 1 + 1", "3")], "Expected"),
        ([fenced("python", "print(1)"), fenced("text", "2")], "-2"),
        ([fenced("console", "$ false")], "must succeed"),
        ([fenced("console", "$ false | true", "$ echo 1", "2")], "must succeed"),
        ([fenced("console", "$ echo 1", "2")], "-2"),
        ([fenced("console", "$ echo Error: no", "Error: no")], "must fail"),
        ([fenced("console", "$ exit 3")], "ended with 3"),
        ([fenced("console", "echo 1")], "must begin with"),
        (["<!-- numbers vary: x -->", fenced("console", "$ echo 1 b", "2 c")], "-0 c"),
    ],
)
def test_a_false_example_is_told_with_its_place(run, parts: list[str], told: str) -> None:
    with pytest.raises(ExampleError, match=r"page\.md:\d+: ") as caught:
        run(*parts)
    assert told in str(caught.value)


def test_true_ones_pass(run) -> None:
    assert run(
        fenced("console", "$ echo 1", "$ printf '%s\\n' \\", ">   a b", "a", "b"),
        fenced("console", "$ echo Error: no; false", "Error: no", "$ echo 2", "2"),
        "<!-- numbers vary: measured -->",
        fenced("console", "$ echo '  7.25 ms   on 3'", "  11 ms on 2,000"),
    )


def test_marks_leave_blocks_out(run) -> None:
    wrong = fenced("python", "1 / 0")
    assert run("<!-- not run: needs a GPU -->", wrong, "<!-- slow: minutes -->", "", wrong) == 0
    with pytest.raises(ExampleError):
        run("<!-- slow: minutes -->", wrong, slow=True)


def test_a_block_may_be_indented(run) -> None:
    block = fenced("python", "if True:", "    print(1)").replace("\n", "\n    ")
    assert (
        run("* item\n", "    " + block, "    " + fenced("text", "1").replace("\n", "\n    ")) == 1
    )


@pytest.mark.parametrize(
    "text",
    [f"{FENCE}python\n1", "<!-- not run: why -->\ntext", "<!-- hidden example\n1"],
)
def test_a_page_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(PageError):
        read_page(page)


def test_names_in_tables_are_compared_where_numbers_vary() -> None:
    table = " model   ms\n────────────\n a       {}\n"
    assert not difference(table.format("1.5"), table.format("  2"), numbers_vary=True)
    assert difference(table.format("1.5"), table.format("1.6"))
    assert difference(table, table.replace("a", "b"), numbers_vary=True)
