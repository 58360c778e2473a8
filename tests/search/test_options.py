from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bnas.search import RecipeError, RunOptions


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"time_limit_s": -1}, "`time_limit_s` must be a finite number of seconds >= 0, or None"),
        ({"time_limit_s": float("nan")}, "(got nan)"),
        ({"time_limit_s": float("inf")}, "(got inf)"),
        ({"time_limit_s": 10**400}, "`time_limit_s`"),
        ({"time_limit_s": True}, "(got True)"),
        ({"time_limit_s": "30m"}, "(got '30m')"),
        ({"part_bytes": 0}, "`part_bytes` must be an integer > 0, or None (got 0)"),
        ({"part_bytes": -1}, "(got -1)"),
        ({"part_bytes": 2.5}, "(got 2.5)"),
        ({"part_bytes": True}, "(got True)"),
        ({"part_bytes": "1"}, "(got '1')"),
        ({"device": ""}, "`device` must be a name such as 'cpu' or 'cuda:1', or None (got '')"),
        ({"device": 0}, "(got 0)"),
        ({"initial": ""}, "`initial` must be the path of a file, or None (got '')"),
        ({"teacher": ""}, "`teacher` must be the path of a file, or None (got '')"),
        ({"teacher": 3}, "(got 3)"),
        ({"compact": 1}, "`compact` must be true or false (got 1)"),
        ({"event_log": "yes"}, "`event_log`"),
        ({"curves": None}, "`curves`"),
        ({"gradient_log": "yes"}, "`gradient_log` must be true or false (got 'yes')"),
        ({"cuda_graphs": "default"}, "`cuda_graphs` must be true or false (got 'default')"),
    ],
)
def test_options_outside_their_range_are_refused(option: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        RunOptions(**option)


def test_options_of_every_range_are_kept() -> None:
    options = RunOptions(
        device="cuda:1", time_limit_s=0, part_bytes=1, initial="a/final.pt", teacher=Path("b.pt")
    )
    assert (options.device, options.time_limit_s, options.part_bytes) == ("cuda:1", 0, 1)
    assert (options.initial, options.teacher) == (Path("a/final.pt"), Path("b.pt"))


def test_by_default_nothing_is_asked_for() -> None:
    options = RunOptions()
    assert (options.device, options.time_limit_s, options.part_bytes) == (None, None, None)
    assert (options.initial, options.teacher) == (None, None)
    assert not (options.compact or options.event_log or options.curves or options.cuda_graphs)
    assert not options.gradient_log
