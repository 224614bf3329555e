"""What sources in PostgreSQL alone have: its types, its schemas, its addresses."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from tests.databases import Database
from tests.servers import until
from tierra.data import sources
from tierra.data.window import EVERYTHING, single_day
from tierra.errors import DataRejected, Misconfigured
from tierra.store.objects import MemoryObjects


def test_upper_case_tells_tables_apart(server: Database) -> None:
    server.write("Rides", pa.table({"id": [1]}))
    server.write("rides", pa.table({"id": [2]}))
    assert [server.read(table=name)["id"].to_pylist() for name in ("Rides", "rides")] == [[1], [2]]


def test_a_closed_reader_leaves_no_session(server: Database) -> None:
    server.write("rides", pa.table({"id": range(100_000)}))
    next(iter(server.open(table="rides").batches(["id"], EVERYTHING)))
    sessions = (
        "select count(*) from pg_stat_activity where application_name = 'tierra' and datname = current_database()"
    )
    # The client has gone; the server's process leaves the list a moment later.
    until("the session ends", 20, lambda: server.run(sessions) == [(0,)])


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_may_have_each_usual_form(server: Database, scheme: str) -> None:
    address = server.url.replace("postgresql", scheme, 1)
    assert Database(address, server.home).read(query="select 1 as one")["one"].to_pylist() == [1]
    connection = Database(address, server.home).settings.connection("warehouse")
    assert sources.check_connection("warehouse", connection) == "postgresql"


def test_numbers_of_every_kind_are_numbers(server: Database) -> None:
    kinds = ["1::smallint", "2::integer", "3::bigint", "1.5::real", "0.1::real", "1.25::numeric", "'NaN'::numeric",
             "'NaN'::float8", "'-Infinity'::float4", "9007199254740993::numeric", "4::oid"]  # fmt: skip
    values = ", ".join(f"{kind} as c{number}" for number, kind in enumerate(kinds))
    found = server.read(query=f"select {values}").to_pylist()[0]
    assert repr(list(found.values())) == repr([1, 2, 3, 1.5, 0.10000000149011612, 1.25, float("nan"), float("nan"),
                                               -float("inf"), 9007199254740993, 4])  # fmt: skip


def test_a_key_of_type_numeric_keeps_its_digits(server: Database) -> None:
    """Whatever warehouse made it: the same snapshot as of a bigint, and the digits of what is longer as text."""
    first, objects = 900_719_925_474_099_307, MemoryObjects()
    server.run("create table orders (number bigint, amount numeric(10, 2))",
               f"insert into orders select {first} + n, n / 4.0 from generate_series(1, 50) as n")  # fmt: skip
    taken = []
    for kind in ("bigint", "numeric(38, 0)", "numeric"):
        server.run(f"alter table orders alter number type {kind}")
        taken.append(server.snapshot(objects, table="orders", key="number"))
    assert taken == [taken[0]] * 3
    assert taken[0].columns == {"number": "int64", "amount": "double"}
    server.run("update orders set number = number + 10.0 ^ 20")
    with pytest.raises(DataRejected, match=r"column 'number' is integer and holds '1009\d+'; declare it text to keep"):
        server.snapshot(objects, table="orders", key="number")
    texts = server.read(table="orders", key="number", types={"number": "text"})["number"].to_pylist()
    assert sorted(texts) == [str(10**20 + first + n) for n in range(1, 51)]
    mixed = "select v::numeric as number from (values ('5'), ('5.0'), ('5.50'), ('-0.0'), ('1e2')) as t (v)"
    assert server.read(query=mixed, key="number")["number"].to_pylist() == ["5", "5", "5.5", "0", "100"]


def test_a_key_with_decimals_is_text_as_the_source_writes_it(server: Database) -> None:
    server.run("create table orders (number numeric(30, 2))", "insert into orders values (12.50), (7), (1e25), (null)")
    found = server.read(table="orders", key="number")["number"].to_pylist()
    assert found == ["12.50", "7.00", "10000000000000000000000000.00", None]
    assert server.read(table="orders")["number"].to_pylist() == [12.5, 7.0, 1e25, None]


def test_a_numeric_that_does_not_say_its_decimals_is_whole_where_all_its_rows_are(server: Database) -> None:
    server.run("create table orders (day date, amount numeric)",
               "insert into orders values ('2024-01-01', 5), ('2024-01-01', 6.00), ('2024-01-02', 7.5)")  # fmt: skip
    source = {"table": "orders", "partition_by": "day"}
    first = server.read(single_day(date(2024, 1, 1)), columns=["amount"], **source)["amount"]
    assert (first.type, first.to_pylist()) == (pa.int64(), [5, 6])
    assert server.read(columns=["amount"], **source)["amount"].to_pylist() == [5.0, 6.0, 7.5]
    assert not server.open(**source).has_fixed_types(["day", "amount"])
    assert server.open(**source).has_fixed_types(["day"])
    assert server.open(**source, types={"amount": "number"}).has_fixed_types(["day", "amount"])
    with pytest.raises(DataRejected, match=r"column 'amount' is integer and holds '7.5'.*column-type"):
        server.read(columns=["amount"], types={"amount": "integer"}, **source)
    server.run("update orders set amount = 'NaN' where amount = 5")
    assert server.read(single_day(date(2024, 1, 1)), columns=["amount"], **source)["amount"].type == pa.float64()
    integers = server.read(single_day(date(2024, 1, 1)), types={"amount": "integer"}, columns=["amount"], **source)
    assert sorted(integers["amount"].to_pylist(), key=str) == [6, None]


def test_texts_of_every_kind_are_texts(server: Database) -> None:
    server.run("create type mood as enum ('glad', 'sad')", "create domain zone as text check (value <> '')")
    kinds = ["'a'::varchar(3)", "'b'::char(5)", "'c'::name", "'glad'::mood", "'{\"d\": 1}'::jsonb", "'z'::zone",
             "'123e4567-e89b-12d3-a456-426614174000'::uuid", "null::text"]  # fmt: skip
    values = ", ".join(f"{kind} as c{number}" for number, kind in enumerate(kinds))
    found = server.read(query=f"select {values}").to_pylist()[0]
    assert list(found.values()) == ["a", "b", "c", "glad", '{"d": 1}', "z", kinds[6][1:37], None]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("'1 day'::interval", "interval"),
        ("'{1}'::int[]", r"integer\[\]"),
        ("'a'::bytea", "bytea"),
        ("'1'::money", "money"),
    ],
)
def test_a_type_that_is_not_read_is_named_and_may_be_declared_text(server: Database, value: str, named: str) -> None:
    query = f"select 1 as id, {value} as odd"
    with pytest.raises(DataRejected, match=rf"'odd' is {named}, which is not supported.*column-type"):
        server.read(query=query)
    assert server.read(query=query, columns=["id"])["id"].to_pylist() == [1]
    assert server.read(query=query, types={"odd": "text"})["odd"].type == pa.string()


@pytest.mark.parametrize("value", ["'infinity'::date", "'0044-03-15 BC'::date", "'12000-01-01'::timestamp"])
def test_a_date_beyond_the_calendar_is_named(server: Database, value: str) -> None:
    with pytest.raises(
        DataRejected, match=r"column 'day' is (date|timestamp) and holds '(inf|0044|12000).*column-type"
    ):
        server.read(query=f"select 1 as id, {value} as day")
    with pytest.raises(DataRejected, match=r"'day' is not a date.*column-type"):
        server.open(query=f"select {value} as day", partition_by="day").days(EVERYTHING)


def test_moments_with_a_zone_are_the_same_whatever_zone_the_user_has(server: Database) -> None:
    mine = f"alter role postgres in database {server.name}"  # others are served by the same server
    server.run(f"{mine} set timezone = 'Asia/Tokyo'", f"{mine} set datestyle = 'SQL, DMY'")
    try:
        moment = datetime(2024, 1, 1, 23, 30, 0, 5, tzinfo=UTC)
        server.write("rides", pa.table({"at": pa.array([moment, None], pa.timestamp("us", "UTC"))}))
        assert server.read(table="rides")["at"].to_pylist() == [moment, None]
        reader = server.open(table="rides", partition_by="at")
        assert reader.days(single_day(date(2024, 1, 1))) == {date(2024, 1, 1): 1}
    finally:
        server.run(f"{mine} reset all")


def test_two_columns_of_one_name_are_refused(server: Database) -> None:
    with pytest.raises(Misconfigured, match="two columns are called 'a'"):
        server.read(query="select 1 as a, 2 as a")


def test_a_view_a_partitioned_table_and_a_materialized_view_are_tables(server: Database) -> None:
    server.run(
        "create table rides (id int, day date) partition by range (day)",
        "create table rides_1 partition of rides for values from ('2024-01-01') to ('2024-02-01')",
        "insert into rides values (1, '2024-01-05')",
        "create view seen as select * from rides",
        "create materialized view kept as select * from rides",
    )
    for name in ("rides", "seen", "kept"):
        assert server.read(single_day(date(2024, 1, 5)), table=name, partition_by="day")["id"].to_pylist() == [1]
