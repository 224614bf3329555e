"""What every sink promises, whoever keeps the rows: the commit protocol over a folder, a bucket and both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pyarrow as pa
import pytest

from tests.integration.conftest import OpenSink
from tests.sinks import DATASET, DAY, as_older, drop_age, keys, manifest_of, published_by_older, rows
from tierra.errors import Broken, Misconfigured, Unavailable
from tierra.store.predictions import (
    find_newest,
    generations,
    is_reusable,
    missing_generations,
    publish,
    read_manifest,
    read_published,
)
from tierra.store.restoring import restore
from tierra.store.sinks import ObjectSink, Sink
from tierra.store.sql_sink import TableSink
from tierra.store.sweeping import sweep

WRITERS, SOME, ROUNDS = 8, 2, 10


def test_a_sink_that_was_never_used_is_empty(sink: Sink) -> None:
    assert generations(sink) == {}
    assert read_manifest(sink, DAY) is None
    assert list(sink.parts()) == []
    with pytest.raises(Misconfigured, match="partition-unpublished"):
        keys(sink)


def test_rows_are_seen_when_their_manifest_is_there_and_not_before(sink: Sink) -> None:
    manifest = manifest_of(sink, rows("a", "b"))
    assert generations(sink) == {}
    done, ending = publish(sink, manifest, 0)
    assert (ending, done.generation, keys(sink)) == ("published", 1, ["a", "b"])


TYPES = {
    "text": pa.array(["", "'; drop table x; --", None, "\u00fc\u2603\U0001f680", 'a"b\\c\n\t,NULL']),
    "whole": pa.array([2**63 - 1, -(2**63), None, 2**53 + 1, 0]),
    "number": pa.array([0.1, 1e-308, None, -0.0, 1.7976931348623157e308]),
    "flag": pa.array([True, False, None, True, False]),
    "day": pa.array([date(1970, 1, 1), date(9999, 12, 31), None, date(1, 1, 1), date(2024, 2, 29)]),
    "moment": pa.array([datetime(2024, 1, 1, 1, 2, 3, 4), datetime(1900, 1, 1), None, datetime(2262, 1, 1),
                        datetime(1999, 12, 31, 23, 59, 59, 999999)], pa.timestamp("us")),
    "there": pa.array([datetime(2024, 7, 1, 12, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC), None,
                       datetime(2262, 1, 1, tzinfo=UTC), datetime(2024, 3, 31, 1, 30, tzinfo=UTC)],
                      pa.timestamp("us", "Europe/Madrid")),
}  # fmt: skip


def test_every_value_comes_back_as_it_was(sink: Sink) -> None:
    table = pa.table({"ride_id": list("abcde"), **TYPES})
    publish(sink, manifest_of(sink, table), 0)
    found = read_published(sink, DAY)
    assert found.schema == table.schema
    assert [kind for kind in table.column_names if not found[kind].equals(table[kind])] == []


def test_numbers_that_are_none_do_not_break_a_part(sink: Sink) -> None:
    table = pa.table({"ride_id": list("abc"), "number": [float("nan"), float("inf"), -float("inf")]})
    publish(sink, manifest_of(sink, table), 0)
    first, *rest = read_published(sink, DAY)["number"].to_pylist()
    assert first is None or first != first
    assert rest == [float("inf"), -float("inf")]


def test_many_rows_keep_their_order(sink: Sink) -> None:
    # More than a group of rows of a file, or a batch of a database's.
    count = 150_000 if isinstance(sink, ObjectSink) else 60_000
    table = pa.table({"ride_id": [f"r{(7919 * row) % 150_007}" for row in range(count)]})
    publish(sink, manifest_of(sink, table), 0)
    assert read_published(sink, DAY).equals(table)


def test_no_rows_are_rows_too(sink: Sink) -> None:
    empty = rows("a").slice(0, 0)
    publish(sink, manifest_of(sink, empty), 0)
    assert keys(sink) == []


def test_the_same_rows_have_one_digest(sink: Sink, open_sink: OpenSink) -> None:
    first = sink.write_part(DAY, 1, iter([rows("a", "b")]))
    again = open_sink().write_part(DAY, 1, iter([rows("a"), rows("a", "b").slice(1)]))
    assert again.sha256 == first.sha256
    assert {part.name for part in sink.parts()} == {first.name, again.name}
    assert (again.name == first.name) == isinstance(sink, TableSink), "an object's name is never written twice"


def test_a_generation_is_published_once_and_older_ones_stay_readable(sink: Sink) -> None:
    for number, key in enumerate("abc"):
        publish(sink, manifest_of(sink, rows(key)), number)
    assert generations(sink) == {DAY: 3}
    assert [keys(sink, number) for number in (1, 2, 3)] == [["a"], ["b"], ["c"]]
    assert keys(sink) == ["c"]


def test_a_writer_that_comes_late_stands_down_and_changes_nothing(sink: Sink, open_sink: OpenSink) -> None:
    late = manifest_of(open_sink(), rows("late"))
    first, _ = publish(sink, manifest_of(sink, rows("first")), 0)
    assert publish(open_sink(), late, 0) == (first, "stood down")
    assert keys(sink) == ["first"]


def test_the_view_of_a_database_shows_the_rows_of_the_highest_generation_of_each_partition(sink: Sink) -> None:
    if not isinstance(sink, TableSink):
        pytest.skip("files have no view")
    for number, key in enumerate("abc"):
        publish(sink, manifest_of(sink, rows(key, "z")), number)
    publish(sink, manifest_of(sink, rows("other"), partition="2024-04-30"), 0)
    sink.write_part(DAY, 4, iter([rows("orphan")]))
    named = "scores.tips_current" if sink.where.endswith("scores") else "tips_current"
    with sink._engine.begin() as connection:
        shown = connection.exec_driver_sql(f"select partition, generation, ride_id from {named} order by 1, 3").all()
    assert [tuple(row) for row in shown] == [(DAY, 3, "c"), (DAY, 3, "z"), ("2024-04-30", 1, "other")]


@pytest.mark.parametrize("rounds", [SOME, pytest.param(ROUNDS, marks=pytest.mark.long)])
def test_of_many_writers_of_a_partition_one_publishes_and_the_others_stand_down(
    open_sink: OpenSink, rounds: int
) -> None:
    """In every second round all writers have the same rows."""

    with ThreadPoolExecutor(WRITERS) as pool:
        for generation in range(rounds):
            barrier = Barrier(WRITERS)

            def race(writer: int, barrier: Barrier = barrier, after: int = generation) -> Any:
                sink = open_sink()
                key = f"w{writer}" if after % 2 else "same"
                mine = manifest_of(sink, rows(key), after=after, writer=str(writer))
                barrier.wait()
                return publish(sink, mine, after)

            ends = list(pool.map(race, range(WRITERS)))
            winners = [manifest for manifest, ending in ends if ending == "published"]
            assert len(winners) == 1
            assert {manifest for manifest, _ in ends} == set(winners)
    assert generations(open_sink()) == {DAY: rounds}


def test_a_former_generation_is_restored_by_naming_its_parts_again(sink: Sink) -> None:
    for number, key in enumerate("ab"):
        publish(sink, manifest_of(sink, rows(key)), number)
    done, ending = restore(sink, DAY, 1, 2)
    first = read_manifest(sink, DAY, 1)
    assert first
    assert (ending, done.generation, done.restores, done.parts) == ("published", 3, 1, first.parts)
    assert [keys(sink, number) for number in (1, 2, 3)] == [["a"], ["b"], ["a"]]
    publish(sink, manifest_of(sink, rows("c")), 3)
    again, _ = restore(sink, DAY, 3, 4)
    assert (again.generation, again.restores, keys(sink)) == (5, 1, ["a"]), "the parts were written for the first"
    if isinstance(sink, TableSink):
        assert sorted(sink.manifests()) == [(DAY, number) for number in range(1, 6)]
        named = "scores.tips_current" if sink.where.endswith("scores") else "tips_current"
        with sink._engine.begin() as connection:
            assert connection.exec_driver_sql(f"select generation, ride_id from {named}").all() == [(5, "a")]


def test_what_a_restored_generation_names_is_never_swept(
    sink: Sink, open_sink: OpenSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, key in enumerate("ab"):
        publish(sink, manifest_of(sink, rows(key)), number)
    drop_age(monkeypatch)
    sink.write_record(DAY, 3, rows("a"))  # of one that was killed before its manifest
    restore(sink, DAY, 1, 2)
    assert len(sweep(sink)) == (1 if isinstance(sink, ObjectSink) else 0)
    for note in sink.objects.names(f"{DATASET}/inventories") if isinstance(sink, ObjectSink) else ():
        sink.objects.remove(note)
    assert sweep(open_sink()) == []
    assert ([keys(sink, number) for number in (1, 2, 3)], sink.pending()) == ([["a"], ["b"], ["a"]], [])


def test_of_a_restorer_and_a_writer_one_publishes(sink: Sink, open_sink: OpenSink) -> None:
    for number, key in enumerate("ab"):
        publish(sink, manifest_of(sink, rows(key)), number)
    late = manifest_of(open_sink(), rows("late"))
    first, _ = restore(sink, DAY, 1, 2)
    assert publish(open_sink(), late, 2) == (first, "stood down")
    assert restore(open_sink(), DAY, 2, 2) == (first, "stood down")
    assert keys(sink) == ["a"]


def test_a_restored_generation_whose_manifest_is_removed_never_comes_back(sink: Sink) -> None:
    for number, key in enumerate("ab"):
        publish(sink, manifest_of(sink, rows(key)), number)
    restore(sink, DAY, 1, 2)
    if isinstance(sink, ObjectSink):
        sink.objects.remove(f"{DATASET}/manifests/{DAY}/000003.json")
    elif isinstance(sink, TableSink):
        with sink._engine.begin() as connection:
            for table in (sink._tables.published, sink._tables.manifests):
                connection.execute(table.delete().where(table.c.generation == 3))
    assert generations(sink) == {DAY: 3}
    for read in (lambda: keys(sink), lambda: restore(sink, DAY, 3, 3)):
        with pytest.raises(Broken, match="was published and is gone"):
            read()
    assert publish(sink, manifest_of(sink, rows("c")), 3)[0].generation == 4


def test_other_parts_than_those_of_the_generation_cannot_be_restored(sink: Sink) -> None:
    for number, key in enumerate("ab"):
        publish(sink, manifest_of(sink, rows(key)), number)
    first, second = read_manifest(sink, DAY, 1), read_manifest(sink, DAY, 2)
    assert first
    assert second
    forged = [second.model_copy(update={"restores": 1}), first.model_copy(update={"restores": 2}),
              first.model_copy(update={"restores": 7}),
              first.model_copy(update={"restores": 1, "model": "x"})]  # fmt: skip
    for number, each in enumerate(forged):
        with pytest.raises(Broken, match="part-late"):
            publish(sink, each, 2)
        planted = each.model_copy(update={"generation": 3 + number}).sealed().model_dump_json().encode()
        assert sink.put_manifest(DAY, 3 + number, planted, each.parts)
        with pytest.raises(Broken, match="store-tampered"):
            read_manifest(sink, DAY, 3 + number)


class LostReplies:
    """A sink whose answer to a manifest is lost, after it was kept or before."""

    def __init__(self, sink: Sink, kept: bool) -> None:
        self._sink, self._kept = sink, kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    def put_manifest(self, *arguments: Any) -> bool:
        if self._kept:
            self._sink.put_manifest(*arguments)
        raise Unavailable("database-unavailable", "the connection was reset")


def test_a_lost_answer_is_looked_up_and_not_guessed(sink: Sink) -> None:
    done, ending = publish(LostReplies(sink, kept=True), manifest_of(sink, rows("a")), 0)  # type: ignore[arg-type]
    assert (ending, done.generation, keys(sink)) == ("published", 1, ["a"])


def test_where_nothing_was_kept_the_same_work_tries_again(sink: Sink) -> None:
    manifest = manifest_of(sink, rows("a"), writer="one")
    with pytest.raises(Unavailable, match="publish-unanswered"):
        publish(LostReplies(sink, kept=False), manifest, 0)  # type: ignore[arg-type]
    assert generations(sink) == {}
    assert publish(sink, manifest, 0)[1] == "published"
    assert publish(sink, manifest, 0)[1] == "published", "the same work knows its own manifest"
    assert generations(sink) == {DAY: 1}


def test_after_a_lost_answer_another_s_manifest_is_not_taken_for_one_s_own(sink: Sink) -> None:
    first, _ = publish(sink, manifest_of(sink, rows("first")), 0)
    lost = LostReplies(sink, kept=False)
    assert publish(lost, manifest_of(sink, rows("late"), after=0), 0) == (first, "stood down")  # type: ignore[arg-type]


def test_a_part_that_is_gone_is_not_published(sink: Sink) -> None:
    manifest = manifest_of(sink, rows("a"))
    (part,) = sink.pending()
    assert sink.remove_part(part, datetime.now(UTC) + timedelta(days=1))
    assert not is_reusable(sink, manifest.parts[0])
    with pytest.raises(Broken, match="part-late"):
        publish(sink, manifest, 0)
    assert generations(sink) == {}


def test_a_part_is_swept_when_its_generation_is_another_s_and_what_a_manifest_names_never(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(sink, manifest_of(sink, rows("a")), 0)
    orphan = sink.write_part(DAY, 2, iter([rows("orphan")]))
    if isinstance(sink, ObjectSink):
        drop_age(monkeypatch)  # it does not count
    assert sweep(sink) == [], "its writer may publish it"
    publish(sink, manifest_of(sink, rows("b"), after=1), 1)
    drop_age(monkeypatch)
    assert sweep(sink) == [orphan.name]
    assert sweep(sink) == []
    assert orphan.name not in {part.name for part in sink.parts()}
    assert [keys(sink, number) for number in (1, 2)] == [["a"], ["b"]]


class Watched:
    """A sink that keeps whose manifests were read, and of what everything was listed."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self.read, self.listed = sink, list[str](), list[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)

    def read_manifest(self, partition: str, generation: int) -> bytes:
        self.read.append(partition)
        return self._sink.read_manifest(partition, generation)

    def manifests(self, partitions: Any = None) -> Any:
        self.listed += ["manifests"] if partitions is None else []
        return self._sink.manifests(partitions)

    def parts(self) -> Any:
        self.listed.append("parts")
        return self._sink.parts()


def test_finding_work_reading_a_day_and_sweeping_look_at_no_other_partition(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"2024-04-{number:02d}" for number in range(1, 9)]
    for day in days:
        publish(sink, manifest_of(sink, rows(day), day), 0)
    sweep(sink)
    drop_age(monkeypatch)
    watched: Any = Watched(sink)
    assert generations(watched, days[2:4]) == dict.fromkeys(days[2:4], 1)
    assert generations(watched, ["2024-05-01"]) == generations(watched, []) == {}
    assert read_published(watched, days[5])["ride_id"].to_pylist() == [days[5]]
    assert find_newest(watched, date(2024, 4, 30)) == (days[-1], 1)
    assert sweep(watched) == []
    assert (watched.read, watched.listed) == ([days[5]], [])
    left = [sink.write_part(day, 1, iter([rows("left", day)])).name for day in days[:2]]
    assert sorted(sweep(watched)) == sorted(left)
    assert {*watched.read[1:]} <= {*days[:2]}
    assert watched.listed == []


def test_the_newest_day_is_found_however_old_it_is(sink: Sink) -> None:
    assert find_newest(sink, date(2026, 1, 1)) is None
    for day, generation in (("2001-01-01", 0), (DAY, 0), (DAY, 1)):
        publish(sink, manifest_of(sink, rows(day), day), generation)
    for last in (date(2024, 4, 29), date(2024, 6, 1), date(2026, 1, 1), date(2001, 2, 1)):
        assert find_newest(sink, last) == (("2001-01-01", 1) if last.year == 2001 else (DAY, 2))


def test_rows_of_a_former_generation_are_kept_though_who_wrote_them_again_was_killed(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, key in enumerate("ab"):
        publish(sink, manifest_of(sink, rows(key)), number)
    drop_age(monkeypatch)
    again = sink.write_part(DAY, 2, iter([rows("a")])).name
    assert sweep(sink) == ([again] if isinstance(sink, ObjectSink) else [])
    publish(sink, manifest_of(sink, rows("a")), 2)
    again = sink.write_part(DAY, 3, iter([rows("b")])).name
    assert sweep(sink) == ([again] if isinstance(sink, ObjectSink) else [])
    assert sweep(sink) == []
    assert [keys(sink, number) for number in (1, 2, 3)] == [["a"], ["b"], ["a"]]
    assert sink.pending() == []


def test_a_writer_killed_between_its_manifest_and_the_note_of_it_loses_nothing(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a database both are one transaction."""
    manifest = manifest_of(sink, rows("a"))
    with monkeypatch.context() as killed:
        killed.setattr(ObjectSink, "settle_part", lambda *_: None)
        publish(sink, manifest, 0)
    waiting = [part.name for part in sink.pending()]
    assert waiting == ([manifest.parts[0].name] if isinstance(sink, ObjectSink) else [])
    drop_age(monkeypatch)
    assert sweep(sink) == []
    assert (keys(sink), sink.pending()) == (["a"], [])


def test_equal_rows_of_two_days_do_not_take_each_other_away(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(sink, manifest_of(sink, rows("a")), 0)
    publish(sink, manifest_of(sink, rows("b"), "2024-04-30"), 0)
    left = sink.write_part("2024-04-30", 1, iter([rows("a")]))
    drop_age(monkeypatch)
    assert sweep(sink) == ([left.name] if isinstance(sink, ObjectSink) else [])
    assert keys(sink) == ["a"]


def test_files_of_another_day_or_generation_cannot_be_named(sink: Sink) -> None:
    if not isinstance(sink, ObjectSink):
        pytest.skip("a database's parts belong to no day")
    manifest = manifest_of(sink, rows("a"))
    for day, after in (("2024-04-30", 0), (DAY, 1)):
        with pytest.raises(Broken, match="was not written for it"):
            publish(sink, manifest.model_copy(update={"partition": day}), after)
    assert generations(sink) == {}


def test_what_older_versions_published_is_read_and_followed_and_what_they_left_is_swept(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, folder in enumerate((f"{DAY}/", ""), 1):
        published_by_older(sink, as_older(sink, rows(f"old{number}"), folder, bool(folder)), number)
    if isinstance(sink, TableSink):  # which knew neither what is pending nor the highest number
        with sink._engine.begin() as connection:
            connection.execute(sink._tables.manifests.delete().where(sink._tables.manifests.c.generation == 0))
        sink._tables.pending.drop(sink._engine)
        sink._engine.dispose()  # as another process
    assert ([keys(sink, number) for number in (1, 2)], keys(sink)) == ([["old1"], ["old2"]], ["old2"])
    assert publish(sink, manifest_of(sink, rows("new")), 2)[1] == "published"
    left = [as_older(sink, rows("left1"), f"{DAY}/"), as_older(sink, rows("left2"), "", marked=False)]
    for note in sink.objects.names(f"{DATASET}/inventories") if isinstance(sink, ObjectSink) else ():
        sink.objects.remove(note)
    assert sweep(sink) == [], "a writer of that version may hold them"
    for note in sink.objects.names(f"{DATASET}/inventories") if isinstance(sink, ObjectSink) else ():
        sink.objects.remove(note)
    drop_age(monkeypatch)
    assert sorted(sweep(sink)) == sorted(part.name for part in left)
    assert [keys(sink, number) for number in (1, 2, 3)] == [["old1"], ["old2"], ["new"]]


def test_all_parts_are_compared_once_a_month(open_sink: OpenSink, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = open_sink()
    if not isinstance(sink, ObjectSink):
        pytest.skip("a database keeps account in the same transactions")
    assert sink.needs_inventory("2024-04")
    sweep(sink)
    month = f"{datetime.now(UTC):%Y-%m}"
    assert (open_sink().needs_inventory(month), sink.needs_inventory("2024-04")) == (False, True)
    publish(sink, manifest_of(sink, rows("a")), 0)
    orphan = sink.write_part(DAY, 1, iter([rows("orphan")]))
    sink.settle_part(orphan.name)
    assert sweep(sink) == []
    for note in sink.objects.names(f"{DATASET}/inventories"):
        sink.objects.remove(note)
    assert sweep(sink) == [orphan.name]
    assert keys(sink) == ["a"]


def test_rows_of_a_database_written_again_are_young_again(sink: Sink) -> None:
    if not isinstance(sink, TableSink):
        pytest.skip("an object is never written again")
    sink.write_part(DAY, 1, iter([rows("a")]))
    before = datetime.now(UTC)
    sink.write_part(DAY, 1, iter([rows("a")]))
    (part,) = sink.pending()
    assert not sink.remove_part(part, before)
    assert sink.remove_part(part, datetime.now(UTC) + timedelta(minutes=1))


def published_again(sink: Sink, times: int = 3) -> None:
    for number in range(1, times + 1):
        publish(sink, manifest_of(sink, rows(f"g{number}")), number - 1)


def collect(sink: Sink, generation: int) -> bool:
    """Decide that a generation goes, and remove its parts; whether both were."""
    if sink.decide_fate(DAY, generation, "collected") != "collected":
        return False
    soon = datetime.now(UTC) + timedelta(days=2)
    mine = [each.part for each in sink.stored_parts() if each.part[::2] == (DAY, generation)]
    return [sink.collect_part(part, soon) for part in mine] == [True]


def test_the_rows_of_a_collected_generation_go_and_all_else_stays(sink: Sink) -> None:
    published_again(sink)
    assert sink.fates() == {}
    assert collect(sink, 1)
    assert sink.fates() == sink.fates([DAY]) == {(DAY, 1): "collected"}
    assert sink.fates(["2024-01-01"]) == {}
    with pytest.raises(Broken, match="generation 1 of 2024-04-29 were removed by `tierra gc`"):
        keys(sink, 1)
    assert read_manifest(sink, DAY, 1)
    assert [keys(sink, number) for number in (2, 3, None)] == [["g2"], ["g3"], ["g3"]]
    assert missing_generations(sink) == sweep(sink) == []
    assert generations(sink) == {DAY: 3}
    assert sorted(each.part.generation or 0 for each in sink.stored_parts()) == [2, 3]


def test_of_collecting_and_restoring_a_generation_the_first_is_done_for_ever(sink: Sink) -> None:
    published_again(sink)
    assert collect(sink, 1)
    with pytest.raises(Broken, match="generation-collected"):
        restore(sink, DAY, 1, 3)
    assert restore(sink, DAY, 2, 3)[1] == "published"
    assert not collect(sink, 2)
    assert [keys(sink, number) for number in (2, 3, 4)] == [["g2"], ["g3"], ["g2"]]


def test_a_restorer_that_was_under_way_publishes_no_rows_that_were_collected(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_again(sink)
    real = type(sink).write_record

    def collected_meanwhile(self: Any, *given: Any) -> Any:
        assert collect(sink, 1)
        return real(self, *given)

    monkeypatch.setattr(type(sink), "write_record", collected_meanwhile)
    with pytest.raises(Broken, match="generation-collected"):
        restore(sink, DAY, 1, 3)
    assert (generations(sink), keys(sink)) == ({DAY: 3}, ["g3"])


def test_rows_that_another_generation_has_too_stay(sink: Sink) -> None:
    for seen in (0, 1):
        publish(sink, manifest_of(sink, rows("same")), seen)
    assert collect(sink, 1) is isinstance(sink, ObjectSink)
    assert keys(sink) == ["same"]


def test_rows_that_are_written_again_as_they_are_collected_stay(sink: Sink) -> None:
    published_again(sink)
    manifest = manifest_of(sink, rows("g1"))
    (part,) = [each.part for each in sink.stored_parts() if each.part.generation == 1]
    assert sink.decide_fate(DAY, 1, "collected") == "collected"
    removed = sink.collect_part(part, datetime.now(UTC) - timedelta(days=1))
    assert removed is isinstance(sink, ObjectSink)  # its names are never written again
    assert publish(sink, manifest, 3)[1] == "published"
    assert keys(sink) == ["g1"]


def test_a_reader_whose_generation_is_collected_while_it_reads_goes_on_with_the_newest(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_again(sink, 1)
    real = type(sink).read_part

    def replaced_meanwhile(self: Any, part: Any) -> Any:
        monkeypatch.setattr(type(sink), "read_part", real)
        publish(sink, manifest_of(sink, rows("g2")), 1)
        assert collect(sink, 1)
        return real(self, part)

    monkeypatch.setattr(type(sink), "read_part", replaced_meanwhile)
    assert keys(sink) == ["g2"]
