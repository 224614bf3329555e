"""What the sink in a database does beside the protocol that all sinks share, on SQLite."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from tests.sinks import DATASET, DAY, keys, manifest_of, rows
from tierra.errors import Broken, Misconfigured, TierraError, Unavailable
from tierra.store.part_names import Part
from tierra.store.predictions import publish
from tierra.store.refs import TableRef
from tierra.store.sql_sink import TableSink
from tierra.store.sql_tables import PART, ROW, tables_of

LATER = datetime.now(UTC) + timedelta(days=365)
NOWHERE = TableRef(name="0" * 64, sha256="0" * 64, rows=1, columns={})


@pytest.fixture
def sink(tmp_path: Path) -> TableSink:
    return TableSink(f"sqlite:///{tmp_path / 'sink.db'}", "warehouse", DATASET, timeout=1)


def all_of(sink: TableSink, statement: str) -> list[tuple[object, ...]]:
    with sink._engine.begin() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def test_a_part_that_a_manifest_names_is_never_removed_however_old(sink: TableSink) -> None:
    manifest = manifest_of(sink, rows("a", "b"))
    publish(sink, manifest, 0)
    assert not sink.remove_part(Part("", manifest.parts[0].name), LATER)
    assert keys(sink) == ["a", "b"]


def test_a_part_that_no_manifest_names_is_removed_with_its_rows_once_it_is_older(sink: TableSink) -> None:
    ref = sink.write_part(DAY, 1, iter([rows("a")]))
    kept = sink.write_part(DAY, 1, iter([rows("b")]))
    with sink._engine.begin() as connection:
        parts = sink._tables.parts
        written = connection.scalar(sa.select(parts.c.written_at).where(parts.c.sha256 == ref.sha256))
    assert written
    assert not sink.remove_part(Part(DAY, ref.name), written.replace(tzinfo=UTC)), "it was written then, not before"
    assert sink.remove_part(Part(DAY, ref.name), LATER)
    assert not sink.remove_part(Part(DAY, ref.name), LATER), "it is gone"
    assert [part.name for part in sink.parts()] == [part.name for part in sink.pending()] == [kept.name]
    assert all_of(sink, f"select ride_id from {DATASET}") == [("b",)]
    with pytest.raises(Broken, match=r"warehouse\.tips, part [0-9a-f]{12} is gone.*store-tampered"):
        sink.read_part(ref)


def test_a_part_is_pending_until_that_is_noted(sink: TableSink) -> None:
    refs = [sink.write_part(DAY, 1, iter([rows(key)])) for key in "ab"]
    sink.settle_part(refs[0].name)
    assert [(part.partition, part.name) for part in sink.pending()] == [(DAY, refs[1].name)]
    assert {part.name for part in sink.parts()} == {ref.name for ref in refs}


def test_what_a_version_without_account_left_is_pending_once_there_is_an_account(sink: TableSink) -> None:
    published, left = manifest_of(sink, rows("a")), sink.write_part(DAY, 2, iter([rows("left")]))
    publish(sink, published, 0)
    sink._tables.pending.drop(sink._engine)
    sink._engine.dispose()  # as another process
    assert sink.pending() == []
    new = sink.write_part(DAY, 3, iter([rows("new")]))
    assert {(part.partition, part.name) for part in sink.pending()} == {("", left.name), (DAY, new.name)}


def test_a_part_says_its_columns_and_what_cannot_be_stored_is_refused(sink: TableSink) -> None:
    ref = sink.write_part(DAY, 1, iter([rows("a")]))
    assert (ref.rows, ref.columns) == (1, {"ride_id": "string", "probability": "double"})
    with pytest.raises(Misconfigured, match=r"the sink cannot store list.*sink-columns"):
        sink.check(pa.schema([("x", pa.list_(pa.int64()))]))


def test_quarantined_rows_are_kept_once_as_json_in_their_order(sink: TableSink) -> None:
    ref = TableRef(name="q", sha256="q", rows=3, columns={})
    table = pa.table({"ride_id": ["a", "b", "c"], "at": [datetime(2024, 4, 29), None, None]})
    for _ in range(2):
        sink.keep_quarantine(ref, [table.slice(0, 2), table.slice(2)])
    name = sink._tables.quarantine.name
    kept = all_of(sink, f'select sha256, {ROW}, contents from "{name}" order by {ROW}')
    assert [(sha256, number, json.loads(str(text))["ride_id"]) for sha256, number, text in kept] == [
        ("q", 0, "a"), ("q", 1, "b"), ("q", 2, "c"),
    ]  # fmt: skip
    assert json.loads(str(kept[0][2]))["at"] == "2024-04-29 00:00:00"


def test_a_check_says_what_is_to_be_made_makes_nothing_and_waits_for_nobody(sink: TableSink, tmp_path: Path) -> None:
    schema = rows("a").schema
    first = [table.name for table in sink.check(schema)]
    assert first == [table.name for table in sink.check(schema)]
    assert DATASET in first
    assert [table.name for table in sink.check()] == first[:-1]
    publish(sink, manifest_of(sink, rows("a")), 0)
    writing = sqlite3.connect(tmp_path / "sink.db", isolation_level=None)
    writing.execute("begin immediate")
    assert sink.check(schema) == []
    writing.close()
    with pytest.raises(Misconfigured, match=r"warehouse\.tips: 'ride_id' is .*sink-differs"):
        sink.check(pa.schema([("ride_id", pa.int64()), ("probability", pa.float64())]))
    with pytest.raises(Misconfigured, match="sink-columns"):
        sink.check(pa.schema([(ROW, pa.int64())]))


def test_rows_that_were_swept_while_they_were_written_again_are_not_taken_for_there(sink: TableSink) -> None:
    sink.write_part(DAY, 1, iter([rows("a")]))
    with pytest.raises(Unavailable, match=r"was swept while it was written again.*publish-unanswered"):
        sink._touch(NOWHERE)


def test_what_a_database_refuses_is_said_with_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "sink.db").write_text("a text of some length, which is no database " * 100)
    broken = TableSink(f"sqlite:///{tmp_path / 'sink.db'}", "warehouse", DATASET)
    with pytest.raises(TierraError, match=r"warehouse.*not a database"):
        broken.manifests()


def test_no_column_of_ours_may_be_empty_and_no_part_comes_twice() -> None:
    tables = tables_of(DATASET, None)
    predictions = tables.predictions(pa.schema([("ride_id", pa.string())]))
    ours = [column for table in tables.bookkeeping for column in table.c]
    assert [column for column in (*ours, predictions.c[PART], predictions.c[ROW]) if column.nullable] == []
    assert tables.parts.c.sha256.unique
    assert [column.name for column in tables.quarantine.primary_key] == ["sha256", ROW]
