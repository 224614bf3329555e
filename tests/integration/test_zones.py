"""Instants belong to the day that the project's time zone has, in every database alike."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from tests.cases import each
from tests.databases import Database
from tierra.data.snapshot import take_snapshot
from tierra.data.window import EVERYTHING, Window, shift, single_day
from tierra.errors import DataRejected
from tierra.store.objects import MemoryObjects

# A zone, and a day on which its clock is changed: at midnight in Havana, over the whole 30th in Apia.
ZONES = [
    ("UTC", date(2024, 3, 31)),
    ("Europe/Madrid", date(2024, 3, 31)),
    ("Europe/Madrid", date(2024, 10, 27)),
    ("America/Havana", date(2024, 3, 10)),
    ("America/Havana", date(2024, 11, 3)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kiritimati", date(2024, 1, 1)),
    ("Asia/Kathmandu", date(2024, 1, 1)),
]


def instants(zone: str, day: date) -> list[datetime]:
    """Of the days around one, at its hours and just before them."""
    start = datetime.combine(shift(day, -1), datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    hours = [start + timedelta(minutes=30 * number) for number in range(6 * 48)]
    return [moment - timedelta(microseconds=before) for moment in hours for before in (0, 1)]


def write(database: Database, moments: list[datetime]) -> dict[str, object]:
    """The moments, in SQLite as texts with offsets of several zones; what reads them."""
    database.run("drop table if exists seen")
    if not database.is_sqlite:
        at = pa.array(moments, pa.timestamp("us", "UTC"))
        database.write("seen", pa.table({"id": range(len(moments)), "at": at}))
        return {"table": "seen", "partition_by": "at"}
    offsets = [ZoneInfo(name) for name in ("UTC", "America/New_York", "Asia/Tokyo", "Pacific/Kiritimati")]
    texts = [moment.astimezone(offsets[at % 4]).isoformat(" T"[at % 2]) for at, moment in enumerate(moments)]
    database.write("seen", pa.table({"id": range(len(moments)), "at": texts}))
    return {"table": "seen", "partition_by": "at", "types": {"at": "timestamptz"}}


def test_each_instant_is_on_the_day_of_its_zone_and_on_no_other(database: Database) -> None:
    def check(zone: str, day: date) -> None:
        moments = instants(zone, day)
        reader = database.open(zone, **write(database, moments))
        local = [moment.astimezone(ZoneInfo(zone)).date() for moment in moments]
        days = {found: local.count(found) for found in sorted(set(local))}
        assert reader.days(EVERYTHING) == days
        for asked in [shift(min(days), number) for number in range(-1, len(days) + 2)]:
            read = [row for piece in reader.batches(["id"], single_day(asked)) for row in piece["id"].to_pylist()]
            assert sorted(read) == [number for number, its in enumerate(local) if its == asked], asked
            assert reader.days(single_day(asked)) == ({asked: days[asked]} if asked in days else {})
        late = pa.concat_tables(reader.batches(["id", "at"], Window(day))).sort_by("id")["at"]
        assert late.type == pa.timestamp("us", zone)
        expected = [moment for moment, its in zip(moments, local, strict=True) if its >= day]
        assert late.cast(pa.timestamp("us", "UTC")).to_pylist() == expected

    each(ZONES, check)


def test_a_snapshot_keeps_the_instants_in_the_zone(database: Database) -> None:
    moments = instants("Asia/Tokyo", date(2024, 1, 1))
    how = write(database, moments)
    objects, reader = MemoryObjects(), database.open("Asia/Tokyo", **how)
    taken = take_snapshot(objects, database.source(key="id", **how), reader, single_day(date(2024, 1, 1)))
    assert taken.columns["at"] == "timestamp[us, tz=Asia/Tokyo]"
    assert taken.rows == sum(each.astimezone(ZoneInfo("Asia/Tokyo")).date() == date(2024, 1, 1) for each in moments)


def test_an_instant_whose_day_is_asked_for_has_that_of_the_zone(database: Database) -> None:
    """`types: {at: date}` on a column of instants."""
    if database.is_sqlite:
        return
    how = write(database, [datetime(2024, 1, 1, 23, tzinfo=UTC), datetime(2024, 1, 1, 1, tzinfo=UTC)])
    reader = database.open("Europe/Madrid", types={"at": "date"}, **how)
    days = {date(2024, 1, 1): 1, date(2024, 1, 2): 1}
    assert reader.days(EVERYTHING) == days
    read = pa.concat_tables(reader.batches(["id", "at"], single_day(date(2024, 1, 2))))
    assert read.to_pylist() == [{"id": 0, "at": date(2024, 1, 2)}]


def test_a_zone_that_appears_or_disappears_is_refused(server: Database) -> None:
    moment = datetime(2024, 1, 1, 12)
    server.write("bare", pa.table({"at": pa.array([moment], pa.timestamp("us"))}))
    server.write("zoned", pa.table({"at": pa.array([moment], pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))}))
    server.write("texts", pa.table({"at": ["2024-01-01 12:00", "2024-01-01T12:00+01:00"]}))
    with pytest.raises(DataRejected, match=r"'at' is timestamptz, and timestamp now, such as '2024-01-01.*column-type"):
        server.read(table="bare", types={"at": "timestamptz"})
    with pytest.raises(DataRejected, match=r"'at' is timestamp, and timestamptz now, such as '2024-01-01.*column-type"):
        server.read(table="zoned", types={"at": "timestamp"})
    for kind in ("timestamp", "timestamptz"):
        with pytest.raises(DataRejected, match=rf"'at' is {kind}, and text now, such as '2024-01-01.*column-type"):
            server.read(table="texts", types={"at": kind})


def test_numbers_such_as_20240428_have_days(server: Database) -> None:
    days = np.array([20240427, 20240428, 20240428, 20240501])
    server.write("rides", pa.table({"id": range(4), "day": days}))
    source = {"table": "rides", "partition_by": "day", "types": {"day": "date"}}
    reader = server.open(**source)
    assert reader.days(Window(date(2024, 4, 28))) == {date(2024, 4, 28): 2, date(2024, 5, 1): 1}
    assert server.read(single_day(date(2024, 4, 28)), columns=["id"], **source)["id"].to_pylist() == [1, 2]
    with pytest.raises(DataRejected, match=r"'day' is integer, not a date.*column-type"):
        server.open(table="rides", partition_by="day").days(EVERYTHING)
