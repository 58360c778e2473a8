"""Lists on the command line."""

from __future__ import annotations

import click
import pytest

from bnas.tools.lists import Names, Numbers


@pytest.mark.parametrize(("text", "numbers"), [("1", (1,)), ("8,1", (8, 1)), ("2, 2", (2,))])
def test_numbers_are_read_in_order_and_once(text: str, numbers: tuple[int, ...]) -> None:
    assert Numbers().convert(text, None, None) == numbers
    assert Numbers().convert(numbers, None, None) == numbers


@pytest.mark.parametrize("text", ["", "0", "-1", "1,", "1;2", "1.5", "x"])
def test_what_is_no_number_is_named(text: str) -> None:
    with pytest.raises(click.BadParameter, match="whole numbers >= 1") as caught:
        Numbers().convert(text, None, None)
    assert repr(text) in str(caught.value)


def test_names_are_among_those_known() -> None:
    names = Names(("packed", "torch"))
    assert names.convert("torch,packed,torch", None, None) == ("torch", "packed")
    with pytest.raises(click.BadParameter, match=r"among packed, torch \(got 'numpy'\)"):
        names.convert("packed,numpy", None, None)


def test_the_shell_completes_the_last_name() -> None:
    command = click.Command("c")
    option = click.Option(["--runtime"])
    found = Names(("packed", "torch")).shell_complete(click.Context(command), option, "packed,t")
    assert [item.value for item in found] == ["packed,torch"]
