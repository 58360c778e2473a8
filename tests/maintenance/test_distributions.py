"""Which distributions a chore is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from maintenance.distributions import NAMES, UnknownDistributionError, chosen


def test_no_name_chooses_all_and_names_choose_in_their_order(tmp_path: Path) -> None:
    assert [each.name for each in chosen(tmp_path, [])] == [*NAMES]
    assert [each.name for each in chosen(tmp_path, ["zoo", "cells"])] == ["zoo", "cells"]


@pytest.mark.parametrize(
    ("names", "unknown", "ending"),
    [
        (["zo", "cells"], ("zo",), "(got 'zo'); did you mean zoo?"),
        (["bnas-zoo"], ("bnas-zoo",), "(got 'bnas-zoo'); did you mean zoo?"),
        (["bnas-cells", "tool", "x", "x"], ("bnas-cells", "tool", "x"), "mean cells, tools?"),
        ([""], ("",), "(got '')"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    tmp_path: Path, names: list[str], unknown: tuple[str, ...], ending: str
) -> None:
    with pytest.raises(ValueError, match="`PKG` must be one of binops, cells, search") as caught:
        chosen(tmp_path, names)
    assert str(caught.value).endswith(ending)
    assert isinstance(caught.value, UnknownDistributionError)
    assert (caught.value.names, caught.value.known) == (unknown, NAMES)
