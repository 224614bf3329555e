"""The state of each partition, as a table of what is known of one day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.cases import each
from tierra.data.completeness import Finding
from tierra.data.partition_states import (
    SIGNS,
    Known,
    Partitions,
    Publication,
    count_states,
    judge_partitions,
)
from tierra.data.partitions import due_window
from tierra.data.window import Window
from tierra.store.spec import Score

TODAY = date(2024, 4, 29)
NIGHT = datetime(2024, 4, 29, 3, tzinfo=UTC)
BEFORE, AFTER = NIGHT - timedelta(days=1), NIGHT + timedelta(hours=6)


def day(back: int) -> date:
    return TODAY - timedelta(back)


def published(moment: datetime | None = BEFORE, rows: int = 20) -> Publication:
    return Publication(generation=2, model_version="7", rows_in=rows, rows=rows - 3, quarantined=3, published_at=moment)


def known(**facts: Any) -> Partitions:
    """What is known of one day or more; `lookback` is 3 days, a day is ready from 10 rows; a run looked tonight."""
    due = due_window(Score(lookback="3d"), TODAY)
    usual = {"due": due, "shown": Window(day(90), due.end), "min_rows": 10, "looked": TODAY}
    return Partitions("rides", TODAY, **{**usual, **facts})


def finding(kind: str, rows: int = 5, moment: datetime = NIGHT) -> Known[Finding]:
    found = {"kind": kind, "partition": day(2).isoformat(), "rows": rows, "expected": 10}
    return Known(Finding.model_validate(found), moment, "tonight.html")


def test_a_day_has_one_state_by_all_that_is_known_of_it() -> None:
    counted, rejected = Known(20, NIGHT, "tonight.html"), Known("3 % have no zone", NIGHT, "tonight.html")
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("published, counted as published", {"published": published(), "counted": counted}, "published"),
        ("published and never counted", {"published": published()}, "published"),
        ("published by an older version, without a moment", {"published": published(None)}, "published"),
        ("rejected", {"counted": counted, "rejected": rejected}, "failed"),
        ("published once, rejected when it changed", {"published": published(), "rejected": rejected}, "failed"),
        ("rejected, then published", {"published": published(AFTER), "rejected": rejected}, "published"),
        ("rejected, and gone at the source at a later look",
         {"rejected": rejected, "found": finding("missing", 0, AFTER)}, "missing"),
        ("rejected, and so found in the same run", {"rejected": rejected, "found": finding("unready")}, "failed"),
        ("fewer rows than published", {"published": published(), "found": finding("vanished")}, "vanished"),
        ("fewer rows, then published anew", {"published": published(AFTER), "found": finding("vanished")}, "published"),
        ("late", {"found": finding("late", 20), "counted": counted}, "late"),
        ("late, then published by hand", {"published": published(AFTER), "found": finding("late", 20)}, "published"),
        ("missing", {"found": finding("missing", 0)}, "missing"),
        ("half loaded, and said so", {"found": finding("unready")}, "unready"),
        ("half loaded, the newest day", {"counted": Known(9, NIGHT)}, "unready"),
        ("ready and due", {"counted": Known(10, NIGHT)}, "due"),
        ("more rows than published, inside lookback", {"published": published(), "counted": Known(21, NIGHT)}, "stale"),
        ("more rows than published, published since", {"published": published(AFTER), "counted": Known(21, NIGHT)},
         "published"),
        ("left out on purpose", {"counted": counted, "skip": "no service"}, "skipped"),
        ("left out on purpose, and no rows", {"skip": "no service"}, "skipped"),
        ("left out after it was published", {"published": published(), "skip": "no service"}, "published"),
        ("left out, and rejected when asked for", {"rejected": rejected, "skip": "no service"}, "skipped"),
        ("nothing at the source", {"counted": Known(0, NIGHT)}, "none"),
        ("nothing is known", {}, "none"),
    ]  # fmt: skip

    def check(name: str, facts: dict[str, Any], expected: str) -> None:
        found = judge_partitions(known(**{what: {day(2): value} for what, value in facts.items()}))
        assert [each.state for each in found] == ([] if expected == "none" else [expected]), name
        assert all(each.partition == "2024-04-27" for each in found)

    each(cases, check)


def test_an_older_day_is_left_as_it_is_and_the_command_is_named() -> None:
    old = day(9)
    grown = Known(Finding(kind="grown", partition=old.isoformat(), rows=30, expected=20), NIGHT)
    cases = [
        ({"published": {old: published()}, "stale": {old: Known("", NIGHT)}}, "changed", "tierra score rides"),
        ({"published": {old: published()}, "found": {old: grown}}, "changed", "tierra score rides"),
        ({"published": {old: published(AFTER)}, "stale": {old: Known("", NIGHT)}}, "published", ""),
        ({"counted": {old: Known(20, NIGHT)}}, "before", "20 rows at the source"),
    ]

    def check(facts: dict[str, Any], state: str, words: str) -> None:
        (found,) = judge_partitions(known(**facts))
        assert (found.state, words in found.reason) == (state, True), found

    each(cases, check)


def test_days_after_the_last_look_are_not_called_missing() -> None:
    found = judge_partitions(known(looked=day(2), published={day(2): published()}))
    assert [(each.partition, each.state) for each in found] == [
        ("2024-04-29", "unseen"), ("2024-04-28", "unseen"), ("2024-04-27", "published")
    ]  # fmt: skip
    assert judge_partitions(known(looked=None)) == ()


def test_the_newest_is_first_and_only_what_is_shown_is_listed() -> None:
    days = {day(back): published() for back in (0, 1, 90, 91)}
    found = judge_partitions(known(published=days, receipts={day(1): "one.html"}))
    assert [each.partition for each in found] == ["2024-04-29", "2024-04-28", day(90).isoformat()]
    one = found[1]
    assert (one.generation, one.model_version, one.rows, one.quarantined) == (2, "7", 17, 3)
    assert (one.receipt, one.published_at) == ("one.html", BEFORE)
    assert count_states(found) == {"published": 3}


def test_a_failure_leads_to_the_receipt_that_says_why() -> None:
    facts = {"published": {day(1): published()}, "rejected": {day(1): Known("no zone", NIGHT, "why.html")},
             "receipts": {day(1): "before.html"}}  # fmt: skip
    (found,) = judge_partitions(known(**facts))
    assert (found.reason, found.receipt, found.generation) == ("no zone", "why.html", 2)


def test_every_state_is_told_by_a_sign_of_its_own() -> None:
    letters = [each.letter for each in SIGNS.values()]
    assert len(set(letters)) == len(letters)
    assert all(len(letter) == 1 for letter in letters)
