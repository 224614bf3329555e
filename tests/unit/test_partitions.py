"""Which days there is work for, and what is done with each."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.cases import each
from tierra.data.partitions import (
    Work,
    check_lost,
    check_pulled,
    check_ready,
    find_work,
    next_step,
    parse_partition,
    today,
    work_for_partition,
)
from tierra.errors import DataRejected, InvalidCall, SourceNotReady
from tierra.store.manifest import Manifest
from tierra.store.refs import TableRef
from tierra.store.spec import Ready, Score

TODAY = date(2024, 4, 30)
SCORE = Score(lookback="2d", horizon="1d", ready=Ready(min_rows=10))


def day(back: int) -> date:
    return TODAY - timedelta(back)


def published_from(rows: int) -> Manifest:
    part = TableRef(name="p", sha256="p", rows=rows, columns={})
    return Manifest(dataset="tips", partition=str(TODAY), inputs="i", model="m", scoring="s", model_version="1",
                    rows_in=rows, rows_scored=rows, rows_quarantined=0, parts=(part,))  # fmt: skip


def test_ready_days_are_due_inside_of_the_window_and_published_ones_are_compared_inside_and_outside() -> None:
    days = {day(back): rows for back, rows in ((-1, 10), (0, 9), (1, 11), (2, 12), (3, 13), (4, 14))}
    published = {str(day(1)): 4, str(day(4)): 2, str(day(0)): 1}
    due = [Work(str(day(2)), counted=12), Work(str(day(-1)), counted=10)]
    for rescore in (False, True):
        assert find_work(SCORE, TODAY, days, published, rescore) == [
            *due, Work(str(day(4)), 2, False, False, 14), Work(str(day(1)), 4, True, rescore, 11),
        ]  # fmt: skip


def test_a_day_that_was_asked_for_is_inside_of_the_window_or_not() -> None:
    inside = {back: work_for_partition(SCORE, TODAY, day(back), {}, False).within_lookback for back in range(-2, 4)}
    assert inside == {-2: False, -1: True, 0: True, 1: True, 2: True, 3: False}
    assert work_for_partition(SCORE, TODAY, day(0), {str(TODAY): 7}, True) == Work(str(TODAY), 7, True, True)


def test_a_partition_is_published_skipped_or_reported() -> None:
    outside, again = Work("2024-04-01", within_lookback=False), Work("2024-04-01", within_lookback=False, rescore=True)
    for work, was, step in (
        (Work("2024-04-30"), None, "publish"),
        (Work("2024-04-30"), "same", "already"),
        (Work("2024-04-30"), "other", "publish"),
        (outside, None, "publish"),
        (outside, "same", "already"),
        (outside, "other", "report"),
        (again, "same", "publish"),
        (again, "other", "publish"),
    ):
        assert next_step(work, was, "same") == step, (work, was)


def test_a_requested_day_is_ready_from_its_least_rows() -> None:
    check_ready("tips", TODAY, 10, Ready(min_rows=10))
    with pytest.raises(SourceNotReady, match=r"tips: 2024-04-30 has 9 rows, ready from 10.*source-not-ready"):
        check_ready("tips", TODAY, 9, Ready(min_rows=10))
    with pytest.raises(DataRejected, match=r"tips: the source has no rows of 2024-04-30.*partition-absent"):
        check_ready("tips", TODAY, 0, Ready(min_rows=10))


def test_what_was_read_is_no_less_than_what_made_the_day_ready() -> None:
    counted, was = Work(str(TODAY), counted=20), Work(str(TODAY), published=published_from(30))
    ready = Ready(min_rows=10)
    for work, rows in ((counted, 20), (was, 30), (Work(str(TODAY)), 10), (Work("all", counted=20), 1)):
        check_pulled("tips", work, rows, ready)

    def refused(work: Work, rows: int, message: str) -> None:
        with pytest.raises(SourceNotReady, match=rf"tips: 2024-04-30 had {message}, and {rows} when they were read"):
            check_pulled("tips", work, rows, ready)

    each(
        [
            (counted, 19, "20 rows when they were counted"),
            (was, 29, "to have 30 rows"),
            (Work(str(TODAY)), 9, "to have 10 rows"),
        ],
        refused,
    )


def test_a_published_day_is_not_replaced_by_a_smaller_one_unless_that_is_asked_for() -> None:
    check_lost("tips", Work(str(TODAY), published=published_from(30)), 30)
    check_lost("tips", Work(str(TODAY), published=published_from(30), rescore=True), 1)
    check_lost("tips", Work("all", published=published_from(30)), 1)
    with pytest.raises(DataRejected, match=r"2024-04-30 was published from 30 rows, the source has 29 now.*vanished"):
        check_lost("tips", Work(str(TODAY), published=published_from(30)), 29)


def test_a_partition_is_a_day_as_it_is_written() -> None:
    assert parse_partition("2024-02-29") == date(2024, 2, 29)
    for text, reason in (
        ("2024-02-30", "is not a date"),
        ("x", "is not a date"),
        ("20240229", "not written as a date"),
    ):
        with pytest.raises(InvalidCall, match=rf"'{text}' is {reason.removeprefix('is ')}.*partition-invalid"):
            parse_partition(text)


def test_today_is_the_day_where_the_project_is() -> None:
    late = datetime(2024, 4, 29, 23, tzinfo=UTC)
    assert [today(late, zone) for zone in ("UTC", "Europe/Madrid", "America/New_York")] == [day(1), day(0), day(1)]
