"""Every error passes from process to process with its message and its values."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnas import search
from bnas.search.errors import WorkerError

PATH = Path("runs", "checkpoint.pt")
ERRORS = [
    search.RecipeError("`seed` must be at least 0 (got -1)"),
    search.ArchParamsError("`arch_params` must be finite"),
    search.SearchSpaceError("`engine` must be one of ..."),
    search.DataError("cannot be decoded", PATH),
    search.CheckpointError("another configuration", PATH, ["seed: 0", "epochs: 1"]),
    search.RecordError("not a table", PATH),
    search.DivergenceError("the loss", 3, 7, PATH, 5),
    search.ExplosionError(1e6, 23.0, (3, 7), 40, None),
    search.MissingExtraError("pictures", "plot"),
    search.OutOfMemoryError(256, "CUDA out of memory.\nTried to allocate 20 MiB"),
    WorkerError(),
]


def kinds_below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for each in kind.__subclasses__():
        yield each
        yield from kinds_below(each)


def test_every_kind_is_tried() -> None:
    ours = {each for each in kinds_below(search.SearchError) if each.__module__[:4] == "bnas"}
    assert ours == {type(error) for error in ERRORS}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_pass_from_process_to_process(error: search.SearchError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
