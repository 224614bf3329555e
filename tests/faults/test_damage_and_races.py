"""Damaged rows met by a reader, disks that fill, and processes that race for one partition."""

import sqlite3
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest

from tests.faults.conftest import ALL, KINDS, Survived
from tests.faults.paused import write_on_a_full_disk
from tests.faults.publishing import DAY, Place, run_in_words, seen_by_a_reader
from tests.faults.racing import race
from tests.forks import heard, in_a_process
from tierra.errors import Broken
from tierra.store.predictions import read_manifest, read_published
from tierra.store.sinks import ObjectSink

pytestmark = pytest.mark.timeout(3000)
WRITERS, ROUNDS = 16, 100 if ALL else 3
DAMAGES = ("one byte or value", "truncated", "gone", "another part's rows")


def damage(place: Place, how: str) -> None:
    """Do to the newest part what no writer of ours does."""
    sink = place.open()
    manifest = read_manifest(sink, DAY)
    assert manifest
    if isinstance(sink, ObjectSink):
        _damage_object(sink, manifest.parts[0].name, how)
        return
    schema = f"{place.schema}." if place.schema else ""
    mine = f"part = (select max(part) from {schema}tips)"
    statements = {
        "one byte or value": [f"update {schema}tips set probability = 0.5 where ride_id = 'r00007' and {mine}"],
        "truncated": [f"delete from {schema}tips where ride_id > 'r00500' and {mine}"],
        "gone": [f"delete from {schema}tips where {mine}"],
        "another part's rows": [f"update {schema}tips set ride_id = 'x' || ride_id where {mine}"],
    }
    run(place, statements[how][0])


def _damage_object(sink: ObjectSink, name: str, how: str) -> None:
    data = sink.objects.read(name)
    other = next(part.name for part in sink.parts() if part.name != name)
    spoilt = {"one byte or value": data[:-1] + bytes([data[-1] ^ 1]), "truncated": data[: len(data) // 2],
              "another part's rows": sink.objects.read(other)}  # fmt: skip
    sink.objects.remove(name)
    if how in spoilt:
        assert sink.objects.put_if_absent(name, spoilt[how])


def run(place: Place, statement: str) -> None:
    if place.kind == "SQLite":
        connection = sqlite3.connect(place.address.removeprefix("sqlite:///"))
        connection.execute(statement)
        connection.commit()
        connection.close()
        return
    with psycopg.connect(place.address, autocommit=True) as session:
        session.execute(statement.encode())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_rows_are_refused_and_older_generations_still_read(
    kind: str, how: str, place_of: Callable[[str], Place], survived: Survived
) -> None:
    place = place_of(kind).numbered(0)
    assert run_in_words(place) == "published"
    assert run_in_words(place, version="2", rescore=True) == "published"
    damage(place, how)
    with pytest.raises(Broken, match="store-tampered"):
        read_published(place.open(), DAY)
    older = read_published(place.open(), DAY, 1).num_rows == 1000
    mended = run_in_words(place, version="3", rescore=True) == "published"
    held = older and mended and seen_by_a_reader(place) == "generation 3"
    survived(kind, "damaged rows", held)
    assert held


@pytest.mark.parametrize("kilobytes", [4, 24, 60, 90] if ALL else [4, 60])
@pytest.mark.parametrize("kind", ["folder", "SQLite"])
def test_a_disk_that_is_full_shows_nothing_and_the_next_night_completes(
    kind: str, kilobytes: int, place_of: Callable[[str], Place], survived: Survived
) -> None:
    """The kernel refuses to let a file grow past a limit, in a process of its own."""
    place = place_of(kind).numbered(0)
    with in_a_process(write_on_a_full_disk, place, kilobytes) as (_, pipe):
        said = heard(pipe)
    seen = seen_by_a_reader(place)
    held = said in ("published", "store-failed") and seen == ("generation 1" if said == "published" else "nothing")
    held = held and run_in_words(place) in ("published", "already") and seen_by_a_reader(place) == "generation 1"
    survived(kind, "a full disk", held)
    assert held, (said, seen)


@pytest.mark.parametrize("kind", KINDS)
def test_of_sixteen_processes_one_publishes_each_time(
    kind: str, place_of: Callable[[str], Place], survived: Survived
) -> None:
    """Each of the rounds is a partition of its own; half of the writers have other rows."""
    place, fault = place_of(kind), f"{WRITERS} processes race"
    with in_a_process(race, place, WRITERS, ROUNDS) as (_, pipe):
        rounds = heard(pipe)
    for number, ends in enumerate(rounds):
        held = ends.count("published") == 1 and {*ends} <= {"published", "stood down", "already"}
        held = held and seen_by_a_reader(place.numbered(number)) == "generation 1"
        survived(kind, fault, held)
        assert held, Counter(ends)
