"""Who watches a run is told of its stations, how far they are, and what was tried again."""

import io
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tasks.run.progress import MIN_STEP, PARTITION_SHARES, SHARES, Bar, Reporter, Sender
from tests.browser.pages import a_receipt, binary_run, scoring_run
from tests.builders import write_project
from tierra.cli import console
from tierra.errors import Unavailable
from tierra.journal import (
    Entry,
    Progress,
    Retry,
    Watcher,
    advance,
    at_station,
    note_retry,
    open_journal,
    started_at,
    track,
    watching,
)
from tierra.pace import Pace
from tierra.report.index import Run, read_runs
from tierra.report.summary import compare_seconds, describe_age, describe_retries
from tierra.report.wording import inline

NOW = datetime(2024, 1, 31, tzinfo=UTC)
LOCKED = Retry("pull-partition", 1, "the database is locked")
RUN = Run(moment="2024-01-01 03:00:00 UTC", flow="score", outcome="Published", mood="good", sentence="Done.", seconds=1)


class Notes(Watcher):
    def __init__(self) -> None:
        self.told: list[str] = []

    def advance(self, entry: Entry | None, progress: Progress) -> None:
        self.told.append(f"{entry.station if entry else 'run'}: {progress}")


def test_a_watcher_is_told_how_far_stations_and_the_run_are() -> None:
    notes = Notes()
    with watching(notes), open_journal():
        for _ in track(["a", "b"], "partitions"):
            with at_station("predict"):
                advance(1000, 4000, "rows")
        advance(7, None, "rows")
    assert notes.told == [
        "run: 0 of 2 partitions", "predict: 1,000 of 4,000 rows", "run: 1 of 2 partitions",
        "predict: 1,000 of 4,000 rows", "run: 2 of 2 partitions", "run: 7 rows",
    ]  # fmt: skip


def test_a_journal_counts_retries_and_outside_of_one_nothing_happens() -> None:
    note_retry("pull", 1, "nobody listens")
    with open_journal() as journal:
        note_retry("pull", 1, "the database is locked")
    assert journal.retries == [Retry("pull", 1, "the database is locked")]


def test_what_went_before_the_run_is_its_first_station() -> None:
    with started_at(time.perf_counter() - 5), open_journal() as journal:
        pass
    (start,) = journal.entries
    assert (start.station, start.started, start.reused) == ("start", 0.0, False)
    assert 5 <= start.seconds <= journal.seconds
    with open_journal() as journal:
        assert journal.entries == []


def test_a_station_that_raises_is_marked() -> None:
    with open_journal() as journal, pytest.raises(ValueError, match="no"), at_station("pull"):
        raise ValueError("no")
    assert journal.entries[0].failed


def test_a_bar_only_grows_and_ends_full() -> None:
    bar, seen = Bar("score"), []
    for station in SHARES["score"]:
        bar.begin(Entry(station))
        bar.end(Entry(station))
    for done in range(3):
        bar.advance(None, Progress(done, 3, "partitions"))
        for station in PARTITION_SHARES:
            bar.begin(Entry(station))
            bar.advance(Entry(station), Progress(5, 5, "models"))
            seen.append(bar.percent)
            bar.advance(Entry(station), Progress(0, 5, "rounds"))
            seen.append(bar.percent)
            bar.end(Entry(station))
    bar.advance(None, Progress(3, 3, "partitions"))
    assert seen == sorted(seen)
    assert bar.percent == 100
    assert bar.label().startswith("3 of 3 partitions · publish partition")


def test_a_training_s_shares_make_a_hundred() -> None:
    assert sum(SHARES["train"].values()) == 100


def test_a_run_sends_few_words_and_none_soon_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[float] = []
    sender = Sender("x")
    monkeypatch.setattr(sender, "send", lambda percent, words, last=False: sent.append(percent))
    reporter = Reporter(Bar("score"), sender)
    clock = iter(range(0, 10**9, 3))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    reporter.advance(None, Progress(0, 1, "partitions"))
    for row in range(10_000):
        reporter.advance(Entry("predict-partition"), Progress(row, 10_000, "rows"))
    assert len(sent) <= 100 / MIN_STEP
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    before = len(sent)
    reporter.advance(None, Progress(1, 1, "partitions"))
    assert len(sent) == before


def test_a_server_that_does_not_answer_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.run.progress.create_progress_artifact", lambda *_: time.sleep(60))
    monkeypatch.setattr("tasks.run.progress.MIN_SECONDS", 0.2)
    sender, started = Sender("x"), time.monotonic()
    for percent in range(100):
        sender.send(percent, "")
    sender.close(100, "done")
    assert time.monotonic() - started < 5


def test_no_progress_is_drawn_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = io.StringIO()
    monkeypatch.setattr(console, "people", Console(file=piped, force_terminal=False))
    for quiet in (True, False):
        with console.progress(quiet), open_journal():
            for _ in track(["a"], "partitions"):
                with at_station("predict-partition"):
                    advance(1, 2, "rows")
        assert len(piped.getvalue().splitlines()) == (0 if quiet else 1)
    assert "predict partition" in piped.getvalue()


def test_of_many_partitions_a_line_is_drawn_for_each_twentieth_and_for_what_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    piped = io.StringIO()
    monkeypatch.setattr(console, "people", Console(file=piped, force_terminal=False, width=200))
    with console.progress(quiet=False), open_journal():
        for _ in track(range(100), "manifests"):
            pass
    assert piped.getvalue() == "", "it took no second"
    monkeypatch.setattr(console, "QUIET_SECONDS", 0.0)
    with console.progress(quiet=False), open_journal():
        for number in track(range(100), "partitions"):
            with suppress(ValueError), at_station("predict-partition"):
                if number == 50:
                    raise ValueError
    lines = [line.strip() for line in piped.getvalue().splitlines()]
    assert [line.split(" partitions")[0] for line in lines if "partitions" in line] == [
        f"{count} of 100" for count in range(5, 100, 5)
    ]
    assert lines[4].endswith("left")
    assert [line.endswith("predict partition failed") for line in lines].count(True) == 1
    assert len(lines) == 20


def test_the_rest_is_estimated_by_what_was_done_so_far() -> None:
    seconds = iter([10.0, 10.0, 20.0, 70.0, 3670.0, 9000.0])
    pace = Pace(lambda: next(seconds))
    said = [pace.left(Progress(done, 100, "partitions")) for done in (50, 51, 60, 60, 60, 100)]
    assert said == ["", "", "about 40 s left", "about 4 min left", "about 4.1 h left", ""]


@pytest.mark.parametrize(
    ("retries", "said"),
    [
        ([], "none"),
        ([LOCKED], "1 retry: pull-partition: the database is locked"),
        ([LOCKED, LOCKED], "2 retries: pull-partition: the database is locked"),
        (
            [LOCKED, LOCKED, Retry("find-work", 1, "no answer")],
            "3 retries: 2 of pull-partition: the database is locked; 1 of find-work: no answer",
        ),
    ],
)
def test_retries_are_said_with_station_and_reason(retries: list[Retry], said: str) -> None:
    assert describe_retries(retries) == said


def test_a_duration_stands_beside_the_last_twenty() -> None:
    before = [RUN.model_copy(update={"seconds": float(seconds)}) for seconds in range(1, 31)]
    said = compare_seconds(12.34, before, "Published")
    assert said == "12.3 s; median of the last 20 that ended Published: 10.5 s, slowest 20.0 s"


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(days=12, hours=5), "12 days old"), (timedelta(hours=26), "1 day old"),
        (timedelta(minutes=61), "1 hour old"), (timedelta(seconds=125), "2 minutes old"), (timedelta(seconds=5), "new"),
    ],
)  # fmt: skip
def test_an_age_is_said_in_its_largest_unit(ago: timedelta, said: str) -> None:
    assert describe_age(NOW - ago, NOW) == said


def test_a_line_of_markdown_holds_no_link_tag_or_emphasis() -> None:
    assert inline("a *b* [c](d)\n<img>`") == "a \\*b\\* \\[c\\](d) &lt;img>\\`"


@pytest.fixture
def receipts(workspace: Path) -> Path:
    write_project(workspace / "projects" / "rides")
    return workspace / "var" / "receipts" / "rides"


def test_a_record_tells_what_a_run_took(receipts: Path) -> None:
    journal, end = scoring_run()
    journal.retries, journal.attempt, journal.run_id = [LOCKED], 2, "0f"
    _, short = a_receipt("score", journal, end)
    run = read_runs(receipts)[0]
    assert (run.retries, run.attempt, run.flow_run_id) == (1, 2, "0f")
    assert run.ended is not None
    assert abs(datetime.now(UTC) - run.ended) < timedelta(minutes=1)
    assert "**Attempt:** 2" in short
    index = (receipts / "index.html").read_text()
    assert "1 retry, attempt 2" in index


def test_records_are_read_newest_first_whatever_else_lies_there(receipts: Path) -> None:
    assert read_runs(receipts) == []
    for _ in range(2):
        a_receipt("train", *binary_run())
        a_receipt("score", *scoring_run())
    (receipts / "20990101T000000-score-ffffff.json").write_text("{")
    (receipts / "20990101T000001-score-ffffff.json").write_bytes(b"\xff" * 90_000)
    (receipts / "20000101T000000-score-aaaaaa.json").write_text(RUN.model_dump_json(exclude_defaults=True))
    found = read_runs(receipts)
    assert len(found) == 5
    assert found[-1] == RUN.model_copy(update={"receipt": ""}), "it has no page"
    assert [run.flow for run in read_runs(receipts, "train")] == ["train"] * 2
    assert len(read_runs(receipts, limit=3)) <= 3


def test_a_page_that_cannot_be_drawn_leaves_its_record(receipts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("cannot draw")

    monkeypatch.setattr("tierra.report.page.data_sections", broken)
    with pytest.raises(RuntimeError):
        a_receipt("score", scoring_run()[0], Unavailable("database-unavailable", "the database is locked"))
    run = read_runs(receipts)[0]
    assert (run.outcome, run.mood) == ("Unavailable", "bad")
    assert run.error.startswith("the database is locked. ")


def test_runs_that_end_within_a_second_are_in_their_order(receipts: Path) -> None:
    receipts.mkdir(parents=True)
    for place in (3, 1, 2):
        run = RUN.model_copy(update={"ended": NOW + timedelta(milliseconds=place), "retries": place})
        (receipts / f"20240101T030000-score-{'cab'[place - 1]}.json").write_text(run.model_dump_json())
    assert [run.retries for run in read_runs(receipts)] == [3, 2, 1]
