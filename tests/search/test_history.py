from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from bnas import search
from bnas.search.history import to_csv

PERCENT = st.floats(0, 100)
POSITIVE = st.floats(0, 1e9)
RECORDS = st.builds(
    search.EpochMetrics,
    epoch=st.integers(0, 10**6),
    side=st.integers(1, 512),
    learning_rate=POSITIVE,
    loss=POSITIVE,
    train_top1=PERCENT,
    holdout_top1=PERCENT,
    images_per_s=POSITIVE,
    seconds=POSITIVE,
)


@given(RECORDS)
def test_a_record_survives_its_dictionary(record: search.EpochMetrics) -> None:
    assert search.EpochMetrics.from_dict(record.to_dict()) == record


@given(RECORDS)
def test_records_of_before_there_were_times_are_read(record: search.EpochMetrics) -> None:
    older = record.to_dict()
    del older["seconds"]
    found = search.EpochMetrics.from_dict(older)
    assert found.seconds == 0.0
    assert {**found.to_dict(), "seconds": record.seconds} == record.to_dict()


@given(st.lists(RECORDS, max_size=5))
def test_a_table_holds_every_digit(records: list[search.EpochMetrics]) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(records))))
    assert [{name: float(value) for name, value in row.items()} for row in rows] == [
        record.to_dict() for record in records
    ]
