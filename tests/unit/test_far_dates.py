"""The ends of the calendar: 9999-12-31, which people write for "no end", is refused by name; a clock there is none."""

from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project
from tierra.data.partitions import check_ready, due_window, history_window, today, watch_window
from tierra.data.read_once import join_windows
from tierra.data.spec import Split
from tierra.data.split import find_cuts
from tierra.data.window import Window, between, shift, single_day
from tierra.errors import DataRejected
from tierra.store.spec import Ready, Score

FIRST, LAST = date.min, date.max


def test_a_window_at_an_end_of_the_calendar_is_cut_off_there() -> None:
    for window, ends in (
        (single_day(LAST), (LAST, LAST)),
        (single_day(FIRST), (FIRST, FIRST)),
        (between(FIRST, LAST), (FIRST, LAST)),
        (due_window(Score(), LAST), (date(9999, 12, 24), LAST)),
        (watch_window(Score(), FIRST), (FIRST, FIRST)),
        (history_window(date(1, 1, 3), 28), (FIRST, date(1, 1, 2))),
    ):
        assert (window.first, window.last) == ends
    assert (shift(LAST, 1), shift(FIRST, -1), shift(FIRST, 1)) == (LAST, FIRST, date(1, 1, 2))
    assert join_windows([single_day(LAST), Window(date(9999, 12, 30), LAST)], 9) == [between(date(9999, 12, 30), LAST)]


def test_the_clock_may_stand_at_the_end_of_the_calendar() -> None:
    late = datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert today(late, "Pacific/Auckland") == LAST
    assert today(late, "UTC") == LAST


@pytest.mark.parametrize("day", [LAST, date(9999, 1, 1)])
def test_a_day_of_no_end_is_refused_by_name(day: date) -> None:
    with pytest.raises(DataRejected, match=rf"rides: {day} is .*\[date-far\]"):
        check_ready("rides", day, 3, Ready())


@pytest.mark.parametrize(
    ("days", "named"),
    [
        (["2024-01-01", "9999-12-31"], "from 2024-01-01 to 9999-12-31"),
        (["0001-01-05", "0001-01-09"], "from 0001-01-05 to 0001-01-09"),
    ],
)
def test_a_split_that_reaches_an_end_of_the_calendar_names_the_days(days: list[str], named: str) -> None:
    with pytest.raises(DataRejected, match=rf"{named}.*\[date-far\]"):
        find_cuts(
            pd.Series(pd.array(days, dtype="datetime64[us]")),
            Split.model_validate({"validation": "20d", "test": "30d"}),
        )


@pytest.mark.long
def test_real_runs_end_in_one_line_and_a_page(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.score import score
    from flows.train import train

    table = rides()
    table.loc[table.index[-3:], "day"] = "9999-12-31"
    write_project(workspace / "projects" / "rides", ride_spec(), table)
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    end = train.fn("rides")
    assert (end.name, "9999-12-31" in end.message) == ("DataRejected", True)
    write_project(workspace / "projects" / "rides")
    assert train.fn("rides").name == "Promoted"
    write_project(workspace / "projects" / "rides", ride_spec(), table)
    end = score.fn("rides", "9999-12-31")
    assert (end.name, "9999-12-31" in end.message) == ("DataRejected", True)
    pages = len(list((workspace / "var" / "receipts").rglob("*-score-*.html")))
    monkeypatch.setenv("TIERRA_CLOCK", "9999-12-31T23:30:00+00:00")
    end = score.fn("rides")
    assert end.name in ("NothingDue", "DataRejected", "Published"), end.message
    assert len(list((workspace / "var" / "receipts").rglob("*-score-*.html"))) == pages + 1
