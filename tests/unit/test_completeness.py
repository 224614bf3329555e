"""What is missing at a source: a table of days counted and published, and what is found of them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.cases import each
from tierra.data.completeness import (
    KINDS,
    Completeness,
    Finding,
    Look,
    PublishedDay,
    count_window,
    days_watched,
    describe,
    find_missing,
    usual_lag,
)
from tierra.data.partitions import due_window, oldest_fresh, watch_window
from tierra.errors import DataRejected, TierraError
from tierra.outcomes.scoring import PartitionScored, rejected, summarise
from tierra.store.spec import Ready, Score

TODAY = date(2024, 4, 29)  # a Monday
ROWS = 20


def day(back: int) -> date:
    """The day so many days ago."""
    return TODAY - timedelta(back)


def loaded(*back: int, rows: int = ROWS) -> dict[date, int]:
    return dict.fromkeys(map(day, back), rows)


def published(backs: Iterable[int], rows: int = ROWS, lag: int = 1) -> dict[date, PublishedDay]:
    """Days that were published each so many days after its date."""
    night = {each: datetime.combine(day(each) + timedelta(lag), datetime.min.time(), UTC) for each in backs}
    return {day(each): PublishedDay(rows, first) for each, first in night.items()}


EVERY = range(1, 36)
WORKDAYS = [each for each in EVERY if day(each).weekday() < 5]


def found(days: dict[date, int], **known: Any) -> list[str]:
    """What is found, as kind and days ago; `lookback` is 3 days and `watch` 10 unless stated."""
    lookback, watch, horizon = (known.pop(name, usual) for name, usual in
                                (("lookback", 3), ("watch", 10), ("horizon", 0)))  # fmt: skip
    score = Score(lookback=f"{lookback}d", watch=f"{watch}d", horizon=f"{horizon}d", ready=Ready(min_rows=10))
    known = {"published": published(range(1, watch + 1)), **known}
    look = Look(TODAY, due_window(score, TODAY), watch_window(score, TODAY), days, min_rows=10, **known)
    return [_shown(each) for each in find_missing(look)]


def _shown(finding: Finding) -> str:
    ago = (TODAY - date.fromisoformat(finding.partition)).days if finding.partition else "none"
    counted = f" {finding.rows} of {finding.expected}" if finding.expected or finding.rows else ""
    return f"{finding.kind} {ago}{counted}"


def test_each_night_finds_what_is_missing_and_nothing_else() -> None:
    daily, first_night = loaded(*EVERY), {"published": {}}
    late = {"published": published([*range(1, 5), *range(6, 11)])}
    cases: list[tuple[str, dict[date, int], dict[str, Any], list[str]]] = [
        ("all is there", daily, {}, []),
        ("today has begun", daily | loaded(0, rows=3), {}, []),
        ("the first night", daily, first_night, []),
        ("the first night of a source that began yesterday", loaded(1), first_night, []),
        ("no work on weekends", loaded(*WORKDAYS), {"published": published(WORKDAYS[:7])}, []),
        ("a day a week", loaded(1, 8, 15, 22, 29), {"published": published([1, 8])}, []),
        ("a day a month", loaded(12), {"published": published([12])}, []),
        ("rows beyond the watch are gone", loaded(*range(1, 11)), {}, []),
        ("one night without a new day", loaded(*range(2, 36)), {"published": published(range(2, 11))}, []),
        ("a source that is usually three days behind", loaded(*range(3, 36)),
         {"published": published(range(3, 11)), "lag": 3}, []),
        # a dead loader
        ("two nights without a new day", loaded(*range(3, 36)), {"published": published(range(3, 11))}, ["silent 3"]),
        ("a day late, where days come the same day", loaded(*range(2, 36)),
         {"published": published(range(2, 11)), "lag": 0}, ["silent 2"]),
        ("the loader died, nothing is scheduled", loaded(*range(9, 36)),
         {"published": published([9, 10])}, ["silent 9"]),
        ("the loader died", loaded(*range(9, 36)),
         {"published": published([9, 10]), "is_scheduled": True}, ["stalled 9"]),
        ("the loader died after three days", loaded(9, 10, 11), {"published": published([9, 10])}, ["silent 9"]),
        ("on the last due day it is not stalled yet", loaded(*range(3, 36)),
         {"published": published(range(3, 11)), "is_scheduled": True}, ["silent 3"]),
        ("it died before all that is counted", {},
         {"published": published([42]), "is_scheduled": True}, ["stalled 42"]),
        ("nothing was ever there", {}, {**first_night, "is_scheduled": True}, ["stalled none"]),
        ("a Friday's loader died a week ago", loaded(*(each for each in WORKDAYS if each > 7)),
         {"published": published([10]), "is_scheduled": True}, ["stalled 10"]),
        ("days ahead have stopped coming", loaded(*range(-1, 36)),
         {"horizon": 3, "lag": -3, **first_night}, ["silent -1"]),
        # published and gone
        ("a day is gone", loaded(*set(EVERY) - {6}), {}, ["vanished 6 0 of 20"]),
        ("a day has lost rows", daily | loaded(2, rows=15), {}, ["vanished 2 15 of 20"]),
        ("a day has lost all but a few", daily | loaded(2, rows=3), {}, ["vanished 2 3 of 20"]),
        ("a day has grown", daily | loaded(2, rows=25), {}, []),
        ("a day has grown after lookback", daily | loaded(5, rows=25), {}, ["grown 5 25 of 20"]),
        ("a day beyond the watch is gone", loaded(*set(EVERY) - {11}), {"published": published(range(1, 12))}, []),
        ("the source was emptied", {},
         {"published": published([1, 2])}, ["silent 1", "vanished 2 0 of 20", "vanished 1 0 of 20"]),
        # late
        ("a day came after lookback", daily, late, ["late 5 20 of 0"]),
        ("nothing ran for a week", daily, {"published": published([10])},
         [f"late {each} 20 of 0" for each in range(9, 3, -1)]),
        ("nothing ran for longer than the watch", daily, {"published": published([1, 2, 3, 20])},
         [f"late {each} 20 of 0" for each in range(10, 3, -1)]),
        ("an unpublished day is still due", daily, {"published": published(range(2, 11))}, []),
        ("an old day was added by hand, after the others", daily,
         {"published": published(range(1, 4)) | published([8], lag=30)}, []),
        ("nobody knows when the day before was published", daily,
         {"published": published(range(1, 4)) | {day(5): PublishedDay(ROWS)}}, ["late 4 20 of 0"]),
        # gaps
        ("a day never came", loaded(*set(EVERY) - {5}), late, ["missing 5"]),
        ("a day that is due has not come, later ones have", loaded(*set(EVERY) - {2}),
         {"published": published([1, *range(3, 11)])}, ["missing 2"]),
        ("a day is half there, later ones are whole", daily | loaded(2, rows=4),
         {"published": published([1, *range(3, 11)])}, ["unready 2 4 of 10"]),
        ("yesterday is half there", daily | loaded(1, rows=4), {"published": published(range(2, 11))}, []),
        ("the newest day is half there since two days", loaded(*range(3, 36)) | loaded(2, rows=4),
         {"published": published(range(3, 11))}, ["silent 3", "unready 2 4 of 10"]),
        ("a Sunday without rows is no gap", loaded(*WORKDAYS, 2), {"published": published([*WORKDAYS[:7], 2])}, []),
        # without a day
        ("rows without a day", daily, {"dayless": 3}, ["dayless none 3 of 0"]),
        ("rows without a day alone", {}, {"dayless": 3, **first_night}, ["silent none", "dayless none 3 of 0"]),
    ]  # fmt: skip

    def check(name: str, days: dict[date, int], known: dict[str, Any], expected: list[str]) -> None:
        assert found(days, **known) == expected, name

    each(cases, check)


def test_of_days_left_out_on_purpose_nothing_is_missing() -> None:
    gap = loaded(*(back for back in EVERY if back != 5))
    half = loaded(*EVERY) | loaded(2, rows=3)
    stopped = loaded(*(back for back in EVERY if back > 2))
    cases = [
        ("a gap", gap, {"published": published(back for back in range(1, 11) if back != 5)}, 5),
        ("half a day", half, {"published": published(back for back in range(1, 11) if back != 2)}, 2),
        ("the source rests", stopped, {"published": published(range(3, 11))}, 2),
    ]

    def check(name: str, days: dict[date, int], known: dict[str, Any], back: int) -> None:
        rest = {day(each) for each in range(1, back + 1)}
        assert found(days, **known), name
        assert found(days, **known, skipped=rest) == [], name

    each(cases, check)


def test_a_source_is_stalled_when_its_newest_day_is_older_than_fresh_within() -> None:
    days, known = loaded(*(back for back in EVERY if back > 2)), {"published": published(range(3, 11))}
    assert found(days, **known) == found(days, **known, fresh_from=day(3))
    assert [each.split()[0] for each in found(days, **known)] == ["silent"]
    (stalled,) = found(days, **known, fresh_from=day(2))
    assert stalled.startswith("stalled")
    line = "the source has no new day since 2024-04-26, 3 days ago, longer than `fresh_within` allows"
    assert describe("rides", [Finding(kind="stalled", partition="2024-04-26", days=3, is_old=True)]) == [line]


def test_the_age_of_a_day_counts_from_its_end_in_the_project_s_time_zone() -> None:
    cases = [
        ("2024-04-29T03:00:00+00:00", "36h", "UTC", date(2024, 4, 27)),  # 27 ended 27 h ago, 26 ended 51 h ago
        ("2024-04-29T12:01:00+00:00", "36h", "UTC", date(2024, 4, 28)),
        ("2024-04-29T03:00:00+00:00", "36h", "America/New_York", date(2024, 4, 27)),
        ("2024-04-29T03:00:00+00:00", "2h", "America/New_York", date(2024, 4, 28)),
    ]

    def check(now: str, within: str, zone: str, expected: date) -> None:
        score = Score.model_validate({"fresh_within": within})
        assert oldest_fresh(score, datetime.fromisoformat(now), zone) == expected

    each(cases, check)
    assert oldest_fresh(Score(), datetime.now(UTC), "UTC") is None


def test_a_source_s_usual_lag_is_that_of_its_newest_days() -> None:
    due = due_window(Score(lookback="7d", horizon="2d"), TODAY)
    cases: list[tuple[str, dict[date, date], int | None]] = [
        ("nothing is published", {}, None),
        ("the morning after", {day(back): day(back - 1) for back in range(1, 11)}, 1),
        ("one day took longer", {day(back): day(back - 1) for back in range(1, 6)} | {day(6): day(1)}, 1),
        ("two days ahead", {day(back): day(back + 2) for back in range(-2, 5)}, -2),
        ("all by hand, long after", {day(back): day(0) for back in range(60, 67)}, 7),
        ("slower than it was", {day(back): day(back - 1 - 2 * (back < 10)) for back in range(3, 20)}, 3),
    ]

    def check(name: str, days: dict[date, date], expected: int | None) -> None:
        assert usual_lag(days, due, TODAY) == expected, name

    each(cases, check)


def test_the_windows_hold_the_watch_and_enough_to_know_the_weekdays() -> None:
    for stated, first in (({}, 35), ({"watch": "90d"}, 90), ({"lookback": "50d"}, 50), ({"watch": "0d"}, 35)):
        score = Score(**{"lookback": "1d", **stated})
        due, watch = due_window(score, TODAY), watch_window(score, TODAY)
        assert count_window(due, watch, TODAY).first == day(first)
        assert days_watched(watch, TODAY, 0, [day(34)])[-1] == TODAY
    far = watch_window(Score(watch="9999d"), TODAY)
    assert days_watched(far, TODAY, 0, [day(5000), day(20000)])[:2] == [day(5000), day(366)]


def test_each_kind_has_a_line_that_names_days_and_what_to_do() -> None:
    many = [Finding(kind="late", partition=day(back).isoformat(), rows=ROWS) for back in range(9, 0, -1)]
    lines = describe("rides", [
        Finding(kind="stalled", partition="2024-03-18", days=42),
        Finding(kind="silent"),
        Finding(kind="vanished", partition="2024-04-25", rows=1012, expected=2000),
        *many,
        Finding(kind="grown", partition="2024-04-23", rows=150, expected=100),
        Finding(kind="missing", partition="2024-04-26"),
        Finding(kind="unready", partition="2024-04-27", rows=3, expected=15),
        Finding(kind="dayless", rows=1),
    ])  # fmt: skip
    assert len(lines) == len(KINDS)
    expected = ["no new day since 2024-03-18, 42 days ago, and none of the days that are due", "nothing was published",
                "2024-04-25 (1,012 of 2,000 rows left)", "tierra score rides --from 2024-04-20 --to 2024-04-28",
                "2024-04-23 (100 of 150 rows published)",
                "1 day between others without any rows at the source: 2024-04-26",
                "2024-04-27 (3 rows)", "1 row has no day"]  # fmt: skip
    for line, words in zip(lines, expected, strict=True):
        assert words in line
    assert "9 days ready but older than `lookback`" in lines[3]
    assert "2024-04-24 and 4 more" in lines[3]
    assert "2024-04-28" in describe("rides", many, 40)[0]


def test_no_run_that_misses_something_ends_as_if_all_were_there() -> None:
    late, stalled = Finding(kind="late", partition="2024-04-20", rows=ROWS), Finding(kind="stalled")
    done = PartitionScored(partition="2024-04-28", outcome="Published", rows_in=2, rows_scored=2)
    as_was = PartitionScored(partition="2024-04-28", outcome="AlreadyPublished", rows_in=2)
    bad = rejected("2024-04-27", 1, DataRejected("rows-vanished", "fewer"))
    cases: list[tuple[list[PartitionScored], str | None, bool, list[Finding], str, int]] = [
        ([done], None, False, [], "Published", 0),
        ([done], None, False, [late], "PublishedIncomplete", 0),
        ([as_was], None, False, [late], "NothingDueIncomplete", 0),
        ([as_was], "2024-04-28", False, [late], "AlreadyPublishedIncomplete", 0),
        ([], None, False, [late], "NothingDueIncomplete", 0),
        ([], None, False, [stalled, late], "SourceStalled", 3),
        ([done], None, False, [stalled], "PublishedIncomplete", 0),
        ([], None, True, [stalled], "DryRun", 0),
        ([done, bad], None, False, [late], "DataRejected", 3),
    ]

    def check(
        ends: list[PartitionScored], day: str | None, dry: bool, missing: list[Finding], name: str, code: int
    ) -> None:

        scored = summarise("rides", ends, day, dry, Completeness(findings=tuple(missing)))
        assert (scored.name, scored.exit_code) == (name, code)
        said = str(scored.error) if name == "SourceStalled" else scored.sentence
        assert all(line in said for line in describe("rides", missing))
        assert scored.rows_in == (2 if "lished" in name or done in ends else 0)
        if code == 3:
            assert isinstance(scored.error, TierraError)

    each(cases, check)
