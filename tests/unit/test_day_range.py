"""Which days of a range there is work for, and when a day was to be published."""

from datetime import date, datetime
from pathlib import Path

from tests.builders import ride_spec, write_project
from tests.cases import each
from tests.unit.test_partitions import published_from
from tierra.data.completeness import Look, PublishedDay, find_missing_in_range
from tierra.data.day_range import DayRange, Which, choose_work, days_not_ready
from tierra.data.partitions import Work
from tierra.errors import DataRejected
from tierra.outcomes.backfill import Backfill
from tierra.outcomes.scoring import PartitionScored, Scored, rejected, summarise
from tierra.project.project import load_project
from tierra.report.flows.score import in_terminal
from tierra.steps.then import due_time

FIRST, LAST = date(2024, 2, 27), date(2024, 3, 2)
NEW, WHOLE, DAMAGED = date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)


def test_a_range_holds_its_days_from_the_first_to_the_last() -> None:
    days = DayRange(FIRST, LAST)
    assert [day.day for day in days] == [27, 28, 29, 1, 2]
    assert (days.window.first, days.window.last) == (FIRST, LAST)


def test_missing_days_changed_ones_or_all_are_chosen_and_a_damaged_manifest_is_mended_by_each() -> None:
    manifest = published_from(9)
    ready, published = {DAMAGED: 30, NEW: 10, WHOLE: 20}, {str(WHOLE): 3, str(DAMAGED): 2}
    new, mended = Work(str(NEW), counted=10), Work(str(DAMAGED), 2, rescore=True, counted=30)
    compared, anew = Work(str(WHOLE), 3, counted=20), Work(str(WHOLE), 3, rescore=True, counted=20)

    def chosen(which: Which, works: list[Work]) -> None:
        found = choose_work(DayRange(FIRST, LAST, which), ready, published, {str(WHOLE): manifest})
        assert found == works
        assert [work.published for work in found if work.partition == str(WHOLE)] in ([], [manifest])

    each([("missing", [new, mended]), ("stale", [new, compared, mended]), ("all", [new, anew, mended])], chosen)


def test_a_day_is_not_ready_that_has_few_rows_and_is_not_published() -> None:
    counted = {FIRST: 9, NEW: 0, WHOLE: 10, DAMAGED: 9}
    assert days_not_ready(counted, 10, {str(DAMAGED)}) == (str(FIRST),)


def test_a_range_that_lies_back_misses_its_own_days_alone() -> None:
    days = DayRange(FIRST, LAST)
    published = {WHOLE: PublishedDay(25), DAMAGED: PublishedDay(30)}
    counted = {FIRST: 10, NEW: 3, WHOLE: 20, DAMAGED: 30, LAST: 10}
    look = Look(date(2024, 6, 1), days.window, days.window, counted, published, min_rows=10, is_scheduled=True)
    found = find_missing_in_range(look)
    assert [(finding.kind, finding.partition) for finding in found] == [("vanished", str(WHOLE)), ("unready", str(NEW))]


def test_a_day_was_to_be_published_at_the_first_time_of_the_schedule_after_it_was_over(tmp_path: Path) -> None:
    midnight, three = "2024-03-01T00:00:00-05:00", "2024-03-01T03:00:00-05:00"

    def due(schedule: dict[str, str], horizon: str, moment: str) -> None:
        spec = ride_spec(schedule={"timezone": "America/New_York", **schedule}, score={"horizon": horizon})
        project = load_project(str(write_project(tmp_path, spec)))
        assert due_time(project, WHOLE) == datetime.fromisoformat(moment)

    each(
        [
            ({}, "0d", midnight),
            ({"score": "0 3 * * *"}, "0d", three),
            ({"score": "0 3 * * *"}, "1d", three.replace("03-01T", "02-29T")),
        ],
        due,
    )


def test_a_summary_counts_the_days_of_a_range_however_they_ended() -> None:
    stated = Backfill(first=str(FIRST), last=str(LAST), which="all", already=4, not_ready=("2024-03-02",))
    ends = [PartitionScored(partition=str(day), outcome="Published", rows_in=5, rows_scored=5) for day in (FIRST, NEW)]
    ends += [PartitionScored(partition=str(WHOLE), outcome="AlreadyPublished")]
    ended = stated.ended("then", 4, ends)
    assert (ended.planned, ended.published, ended.already, ended.rejected) == (4, 2, 5, 0)
    words = ("2024-02-27 to 2024-03-02 (all, model then): 4 planned, 2 published, 5 already published,"
             " 0 rejected, 1 not ready")  # fmt: skip
    assert summarise("rides", ends, backfill=ended).sentence == f"{words}."
    refused = rejected(str(DAMAGED), 0, DataRejected("budget-exceeded", "too many"))
    failed = summarise("rides", [*ends, refused], backfill=stated.ended("now", 4, [*ends, refused]))
    assert isinstance(failed, Scored)
    assert failed.backfill
    assert (failed.outcome, failed.backfill.rejected) == ("DataRejected", 1)


def test_what_a_range_says_in_a_terminal_names_the_days_of_each_note_once() -> None:
    note = "data as of now: no snapshot of {} stands"
    ends = [PartitionScored(partition=str(day), outcome="Published", manifest=f"m/{day}", note=note.format(day))
            for day in DayRange(FIRST, date(2024, 4, 30))]  # fmt: skip
    stated = Backfill(first=str(FIRST), last="2024-04-30", not_ready=("2024-05-01",)).ended("then", 64, ends)
    lines = [line for line in in_terminal(summarise("rides", ends, backfill=stated)) if isinstance(line, str)]
    ranged = [line.removeprefix("range     ") for line in lines if line.startswith("range")]
    assert ranged[:2] == [stated.words, "not ready: 2024-05-01"]
    assert ranged[2].startswith("data as of now: no snapshot of the day stands: 2024-02-27, 2024-02-28, 2024-02-29")
    assert ranged[2].endswith("and 24 more")
    assert "[dim]and 24 more, all of them in --json[/]" in lines
    assert sum(line.startswith("manifest") for line in lines) == 40
