"""Charts: valid pictures, the same bytes for the same records, other formats refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from bnas.tools.bench import ArgumentError, Record
from bnas.tools.bench.chart import draw_chart

MACHINE = {"cpu": "A CPU", "cores": 2}


def record(runtime: str, min_ms: float, batch: int = 1) -> Record:
    return Record("Net", runtime, "cpu", batch, 1, min_ms, min_ms, 1000 / min_ms, 0.1, 1.0)


RECORDS = [
    record("packed", 1.0),
    record("torch", 12.5),
    record("openvino-int8", 0.5),
    record("torch", 1500.0, batch=8),
]


def test_a_chart_is_a_png_that_grows_with_its_panels(tmp_path: Path) -> None:
    for name, records in (("all.png", RECORDS), ("one.png", RECORDS[:1])):
        draw_chart(records, tmp_path / name, title="Net", machine=MACHINE)
    with Image.open(tmp_path / "all.png") as large, Image.open(tmp_path / "one.png") as small:
        large.load()
        assert (large.format, large.width) == ("PNG", small.width)
        assert large.height > small.height


def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    draw_chart(RECORDS, tmp_path / "a.svg", title="Net", machine=MACHINE)
    draw_chart(RECORDS, tmp_path / "b.svg", title="Net", machine=MACHINE)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert all(part in text for part in ("12.5 ms", "12.50x", "1,500 ms", "A CPU, 2 cores"))


def test_unknown_formats_and_no_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"must end in .png, .svg or .pdf \(got 'a.gif'\)"):
        draw_chart(RECORDS, "a.gif", title="Net", machine=MACHINE)
    with pytest.raises(ArgumentError, match="at least one record"):
        draw_chart([], tmp_path / "a.png", title="Net", machine=MACHINE)
    assert list(tmp_path.iterdir()) == []
