"""Names that people give to classes and keys: published and read back as they are, or refused by name before."""

from collections.abc import Callable
from itertools import count
from secrets import token_hex

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.databases import quoted
from tests.servers import make_database
from tierra.errors import DataRejected, Misconfigured
from tierra.store.column_names import check_columns, check_table
from tierra.store.manifest import Manifest
from tierra.store.predictions import publish, read_published
from tierra.store.sql_sink import TableSink

HOSTILE = [
    "", " ", "part", "Part", "ROW", "row", "partition", "Generation", "ctid", "xmin", "rowid", "oid", "Kilometre", "km",
    "10%", "%s", "%(x)s", "%%", "100%% sure", ":name", "?", "$1", "{0}", 'a"b', "a'b", "a`b", "a]b", "a;b", "a--b",
    "a/*b", "a\\b", "a\nb", "a\0b", "\ud800", "a.b", "a(b)", "select", "probability_A", "probability_a", "é", "É",
    "x" * 63, "x" * 64, "é" * 31, "é" * 32, "x" * 200, "\u202eabc", "ß", "SS", "İ", "i",
]  # fmt: skip
NAMES = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=70), min_size=1, max_size=4, unique=True)
_numbers = count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('names')}/out.db"
    return make_database(request.getfixturevalue("postgres"), f"names_{token_hex(6)}")


def rows_of(names: list[str]) -> pa.Table:
    return pa.table({name: pa.array([f"{at}", None, "%s"]) for at, name in enumerate(names)})


def manifest(sink: TableSink, rows: pa.Table) -> Manifest:
    part = sink.write_part("2024-01-01", 1, iter([rows]))
    return Manifest(dataset=sink.dataset, partition="2024-01-01", inputs="i", model="m", scoring="s", writer="w",
                    model_version="1", rows_in=3, rows_scored=3, rows_quarantined=0, parts=(part,))  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NAMES)
@example(["10%", "%s", "%%"])
@example(["TRUE", "null", "select"])
@example(["Part"])
@example(["km", "KM"])
@example(["é", "É"])
@example(["x" * 63])
@example(["ctid"])
@example(["a(b)", "a:b", "a.b", "a b"])
def test_a_column_s_name_is_kept_as_it_is_or_refused_by_name(url: str, names: list[str]) -> None:
    sink = TableSink(url, "out", f"names_{next(_numbers)}")
    dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
    if refused(lambda: check_columns(names, dialect, "out")):
        assert not is_text("".join(names)) or refused(lambda: sink.check(rows_of(names).schema))
        return
    rows = rows_of(names)
    publish(sink, manifest(sink, rows), 0)
    assert read_published(sink, "2024-01-01").equals(rows)
    view = sink._engine.connect()
    with view:
        columns = list(view.exec_driver_sql(f"select * from {quoted(sink.dataset + '_current')}").keys())
    assert columns == ["partition", "generation", *names]


def is_text(name: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in name)


def refused(check: Callable[[], None]) -> bool:
    try:
        check()
    except Misconfigured:
        return True
    return False


def test_each_kind_of_name_that_a_database_has_no_place_for_is_refused() -> None:
    for names, sqlite, postgresql in (
        (["part"], True, True), (["Part"], True, False), (["ROW"], True, False), (["Partition"], True, False),
        (["probability_A", "probability_a"], True, False), (["é", "É"], False, False), (["x" * 64], False, True),
        (["é" * 32], False, True), (["x" * 63], False, False), ([""], True, True), (["a\0b"], True, True),
        (["ctid"], False, True), (["True"], True, False), (["a\ud800"], True, True), (["10%", "a'b"], False, False),
    ):  # fmt: skip
        for dialect, expected in (("sqlite", sqlite), ("postgresql", postgresql)):
            assert refused(lambda: check_columns(names, dialect, "out")) is expected, (names, dialect)  # noqa: B023
    for table, schema, sqlite, postgresql in (
        ("sqlite_x", None, True, False), ("x", "pg_x", False, True), ("x" * 51, None, False, False),
        ("x" * 52, None, True, True),
    ):  # fmt: skip
        for dialect, expected in (("sqlite", sqlite), ("postgresql", postgresql)):
            assert refused(lambda: check_table(table, schema, dialect)) is expected, (table, dialect)  # noqa: B023


def test_a_nul_in_a_value_is_rejected_data_with_a_remedy_that_fits(postgres_url: str) -> None:
    sink = TableSink(postgres_url, "out", "scored")
    with pytest.raises(DataRejected, match=r"Correct the value at the source.*\[sink-value\]"):
        sink.write_part("2024-01-01", 1, iter([pa.table({"key": ["a\0b"]})]))
