"""The calendar and the page of the morning: what stands where, and where it leads."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.run.page import OLD_PAGE, _refresh_morning
from tasks.status import refresh_morning
from tests.browser.pages import a_status, states
from tests.cases import each
from tierra.data.partition_states import PartitionState
from tierra.report.calendar import calendar_in_text, draw_calendar
from tierra.settings import Settings
from tierra.status.morning import page_age, project_parts, render_morning, write_morning
from tierra.status.page import write_page
from tierra.workspace import Workspace

MONDAY = date(2024, 4, 1)


def state(days: int, name: str = "published", **more: str) -> PartitionState:
    values = {"partition": (MONDAY + timedelta(days)).isoformat(), "state": name, **more}
    return PartitionState.model_validate(values)


def test_a_column_is_a_week_and_a_row_a_weekday() -> None:
    found = calendar_in_text([state(0), state(6, "failed"), state(7, "skipped"), state(9, "missing")])
    assert found == ["Mon ✓ /", "Tue", "Wed   M", "Thu", "Fri", "Sat", "Sun F"]
    assert calendar_in_text([PartitionState(partition="all", state="published")]) == []
    assert draw_calendar("Partitions", []) is None


def test_each_cell_has_a_letter_a_title_and_its_receipt() -> None:
    drawn = draw_calendar(
        "Partitions",
        [state(0, generation="2", model_version="7", receipt="a b.html"), state(2, "failed", reason="<b> & more")],
        "rides/",
    )
    assert drawn
    assert (drawn.first, drawn.last) == (MONDAY, MONDAY + timedelta(2))
    assert [(sign.letter, count) for sign, count in drawn.legend] == [("F", 1), ("✓", 1)]
    svg = str(drawn.svg)
    assert svg.count('class="cell') == 3  # a day of which nothing is known has an empty one
    assert re.findall(r"<a href=\"([^\"]+)\"", svg) == ["rides/a%20b.html"]
    assert "2024-04-01: published, generation 2 by version 7, 0 rows, 0 quarantined" in svg
    assert "2024-04-03: failed; &lt;b&gt; &amp; more" in svg
    assert "2024-04-02: no rows are known of" in svg


def test_no_two_months_run_into_each_other() -> None:
    def check(first: date) -> None:
        listed = [PartitionState(partition=(first + timedelta(n)).isoformat(), state="published") for n in range(91)]
        drawn = draw_calendar("Partitions", listed)
        assert drawn
        places = [float(x) for x in re.findall(r'<text x="([\d.]+)" y="11.0"', str(drawn.svg))]
        assert len(places) >= 2
        assert all(after - before >= 24 for before, after in pairwise(places)), places

    each([MONDAY + timedelta(days) for days in range(0, 366, 5)], check)


def test_the_worst_project_is_first_and_every_line_says_where_it_leads() -> None:
    status = a_status()
    parts = project_parts(status)
    assert [part.level for part in parts] == ["red", "amber", "green"]
    page = render_morning(status)
    assert page.index('<section id="rides">') < page.index('<section id="fares">')
    facts = {fact.what: fact for fact in parts[0].facts}
    assert facts["newest partition"].words == "2024-04-28, 2,031 rows, 9 quarantined; the newest rows ended 9 h ago"
    assert facts["champion"].words == "version 4, since 9 d ago"
    assert facts["last score"].words.startswith("DataRejected 6 h ago: 2024-04-29: join zones: 61 %")
    assert 'href="rides/index.html"' in page
    assert 'href="rides/20240429T030000-score-abc.html"' in page
    assert 'href="http://127.0.0.1:4200/v2/runs/flow-run/5c3f"' in page
    assert "because</b>" not in page


def test_the_artifact_says_the_same_in_markdown() -> None:
    page = write_page(a_status(), "https://pages.example.org/")
    assert page.startswith("## RED: ")
    assert "### rides" in page
    assert "```text\nMon" in page
    assert "F failed" in page
    assert "([receipt](https://pages.example.org/rides/20240429T030000-score-abc.html))" in page
    for line in calendar_in_text(states()):
        assert line in page.splitlines()
    assert "receipt]" not in write_page(a_status())


def test_the_page_is_written_whole_where_the_receipts_address_opens(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert page_age(settings) > 1e9
    file = write_morning(a_status().model_copy(update={"moment": datetime(2024, 4, 30, tzinfo=UTC)}), settings)
    assert file == tmp_path / "receipts" / "index.html"
    assert "as of 2024-04-30 00:00 UTC" in file.read_text()
    assert 0 <= page_age(settings) < 60
    assert [each.name for each in file.parent.iterdir()] == ["index.html"]


def test_a_run_writes_the_page_unless_a_watchdog_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    workspace, written = Workspace(Settings(home=tmp_path)), list[Workspace]()
    monkeypatch.setattr("tasks.status.refresh_morning", written.append)
    cases = [(False, 5.0, True), (True, 5.0, False), (True, OLD_PAGE + 1, True)]

    def check(in_prefect: bool, age: float, expected: bool) -> None:
        written.clear()
        monkeypatch.setattr("tasks.run.page._is_in_prefect", lambda: in_prefect)
        monkeypatch.setattr("tierra.status.morning.page_age", lambda _: age)
        _refresh_morning(workspace)
        assert bool(written) is expected

    each(cases, check)


def test_a_page_that_cannot_be_written_fails_no_run(tmp_path: Path) -> None:
    (tmp_path / "receipts").write_text("no folder")
    refresh_morning(Workspace(Settings(home=tmp_path, projects=tmp_path / "projects")))
    assert (tmp_path / "receipts").read_text() == "no folder"
