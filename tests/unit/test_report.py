"""What a receipt says, draws and lists, whatever its journal holds or lacks."""

import json
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from stat import S_IMODE
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as some
from rich.console import Console

from tests import cases
from tests.browser.gate_table import CHECKS
from tests.browser.pages import ATTACK, RUNS, a_nasty_profile, a_profile, a_receipt, binary_run, scoring_run
from tests.builders import write_project
from tests.cases import some_of
from tierra.data.profile import ColumnProfile
from tierra.errors import Broken
from tierra.facts import TableProfiled
from tierra.journal import Journal
from tierra.model.evaluation import Curve, Evaluation, Histogram
from tierra.outcomes.scoring import Scored
from tierra.report import index
from tierra.report.calendar import Calendar
from tierra.report.charts import Measure, bars, dots, heat, matrix, timeline
from tierra.report.distributions import distributions
from tierra.report.filling import LARGEST
from tierra.report.flows.train import in_terminal
from tierra.report.index import NAME, Run, add_run
from tierra.report.page import MOST_PROFILES
from tierra.report.plots import curves, histogram
from tierra.report.profile_page import write_profile_page
from tierra.report.svg import common_format, fit, lines_of, scale, tell_apart, ticks
from tierra.report.wording import amount, cell, heading

few = some_of(150)
numbers = some.floats(allow_nan=False, allow_infinity=False)
RUN = Run(moment="2024-01-01 03:00:00 UTC", flow="score", outcome="Published", mood="good", sentence="Done.", seconds=1)


@pytest.fixture
def rides(workspace: Path) -> Path:
    write_project(workspace / "projects" / "rides")
    return workspace


def receipt(journal: Journal, end: Any, flow: str = "train") -> tuple[str, str]:
    file, short = a_receipt(flow, journal, end)
    return file.read_text(), short


def headings(page: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", page)


def test_a_run_of_many_days_has_profile_pages_of_the_first_ones_alone(rides: Path) -> None:
    journal, end = scoring_run()
    journal.entries[0].facts += [
        TableProfiled(a_profile().model_copy(update={"name": f"day {day}"})) for day in range(60)
    ]
    file, _ = a_receipt("score", journal, end)
    assert len(list(file.parent.glob("profile-*.html"))) == MOST_PROFILES


def a_run(folder: Path, name: str) -> Path:
    file = folder / f"{name}.html"
    file.write_text("<p>")
    return file


def test_the_answer_comes_first_then_figures_then_the_rest(rides: Path) -> None:
    page, short = receipt(*binary_run())
    assert page.index("Promoted</span>") < page.index("beats the rule") < page.index("version 4") < page.index("<h2>")
    assert headings(page) == [
        "Gate", "Leaks", "On the same 5,000 test rows", "What a threshold finds and costs", "How it errs",
        "What it looks at", "Where it is better and worse", "Where it errs most",
        "All candidates, on 3,000 rows held out", "What each step gained",
        "Differences between the parts", "The data: rides",
        "Quarantined rows", "Noticed", "Stations", "Data and digests",
    ]  # fmt: skip
    assert "0.6980 to 0.7230" in page
    assert "| average | 0.7100 |" in short


def test_the_gates_table_is_on_the_page_in_the_summary_and_on_the_terminal(rides: Path) -> None:
    journal, end = binary_run()
    page, short = receipt(journal, end)
    printed = StringIO()
    console = Console(file=printed, width=160)
    for line in in_terminal(end):
        console.print(line)
    for each in CHECKS:
        check, subject, value, interval, limit, outcome, reason = each.cells
        assert f"| {check} | {subject} | {outcome} | {value} | {interval} | {limit} | {reason} |" in short
        assert re.search(rf"{re.escape(check)}.*{re.escape(outcome)}.*{re.escape(reason)}", page, re.DOTALL)
        assert any({check, outcome} <= set(re.split(r"  +", row.strip())) for row in printed.getvalue().splitlines())


def test_a_journal_without_facts_leaves_its_sections_out(rides: Path) -> None:
    for name, run in RUNS.items():
        if name == "rollback":  # its page is all of its outcome
            continue
        end = run()[1]
        page, _ = receipt(Journal(), end, "score" if isinstance(end, Scored) else "train")
        assert set(headings(page)) <= {"Gate", "Partitions", "Not seen in training", "Data and digests"}


def test_what_was_predicted_is_drawn_beside_the_training(rides: Path) -> None:
    page, short = receipt(*scoring_run(), "score")
    assert "What was predicted" in page
    assert "Differences to the champion" in page
    assert "2024-04-29 | Rejected" in short


def test_an_unknown_project_has_its_receipt_all_the_same(workspace: Path) -> None:
    file, _ = a_receipt("train", Journal(), Broken("store-failed", "the disk is full"), "nowhere")
    assert "the disk is full" in file.read_text()
    assert (file.parent / NAME).is_file()


def test_who_may_read_receipts_is_decided_by_their_folder_and_not_by_the_umask(workspace: Path) -> None:
    def written(umask: int) -> set[tuple[int, int]]:
        before = os.umask(umask)
        try:
            file, _ = a_receipt("train", Journal(), Broken("store-failed", "the disk is full"), "nowhere")
        finally:
            os.umask(before)
        return {(S_IMODE(each.stat().st_mode), S_IMODE(each.parent.stat().st_mode)) for each in file.parent.iterdir()}

    for umask in (0o000, 0o022, 0o077):
        assert written(umask) == {(0o640, 0o750)}
        shutil.rmtree(workspace / "var")
    (workspace / "var" / "receipts" / "unknown").mkdir(parents=True, mode=0o755)
    assert written(0o077) == {(0o644, 0o755)}


def test_a_page_stays_under_two_megabytes_and_says_what_it_leaves_out(rides: Path) -> None:
    page, _ = receipt(*RUNS["nasty"]())
    assert len(page.encode()) < LARGEST
    assert "and 960 more" in page
    assert "24 of 1,000 columns are drawn here" in page
    assert ATTACK not in page
    profile = write_profile_page(a_nasty_profile(), rides).read_text()
    assert len(profile.encode()) < LARGEST
    assert "120 of 1,000 columns are shown" in profile


def test_columns_that_differ_come_first_on_the_page_of_a_profile(tmp_path: Path) -> None:
    moved = [{"column": "airport", "what": "true in 90 % of rows", "severity": "strong"}]
    page = write_profile_page(a_profile(), tmp_path, moved, a_profile(3.0)).read_text()
    names = re.findall(r"<h3><bdi>(.*?)</bdi>", page)
    assert (names[0], len(names)) == ("airport", 11)
    assert 'class="second stroke"' in page


def test_the_same_profile_is_written_once(tmp_path: Path) -> None:
    assert write_profile_page(a_profile(), tmp_path) == write_profile_page(a_profile(), tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_list_of_runs_survives_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "20240101T000000-score-aaaaaa.json").write_text("{")
    (tmp_path / "20240102T000000-score-aaaaaa.json").write_text(json.dumps({"moment": "x"}))
    (tmp_path / "20240103T000000-score-aaaaaa.json").write_bytes(b"\xff" * 90_000)
    (tmp_path / "20240104T000000-score-aaaaaa.json").mkdir()
    (tmp_path / "20240105T000000-score-aaaaaa.json").write_text(RUN.model_dump_json())  # its receipt is gone
    page = add_run(a_run(tmp_path, "20240106T000000-score-aaaaaa"), "rides", RUN).read_text()
    assert re.findall(r'href="(\d.*?)"', page) == ["20240106T000000-score-aaaaaa.html"]


def test_runs_that_end_together_are_all_listed(tmp_path: Path) -> None:
    files = [a_run(tmp_path, f"20240101T{number:06d}-score-aaaaaa") for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda file: add_run(file, "rides", RUN), files))
    listed = re.findall(r'href="(\d.*?)"', (tmp_path / NAME).read_text())
    assert listed == sorted((file.name for file in files), reverse=True)
    assert not list(tmp_path.glob(".*"))


def test_old_runs_leave_the_list_and_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tierra.report.index.RUNS", 3)
    for number in range(5):
        page = add_run(a_run(tmp_path, f"2024010{number + 1}T000000-score-aaaaaa"), "rides", RUN).read_text()
    assert "2 older runs are not listed" in page
    assert "20240105" in page
    assert "20240102" not in page


def test_a_metric_nobody_named_is_called_by_its_own_name() -> None:
    assert (heading("roc_auc"), heading("mean_pinball_loss")) == ("ROC AUC", "mean pinball loss")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.6870123, "0.6870"),
        (21034.5, "21,034"),
        (123.456, "123.46"),
        (1e-9, "1e-09"),
        (float("nan"), "\u2014"),
        (0, "0.0000"),
    ],
)
def test_a_measure_is_written_for_its_size(value: float, expected: str) -> None:
    assert amount(value) == expected


def test_a_cell_of_markdown_stays_one_cell() -> None:
    assert cell("a|b\nc") == "a\\|b c"


@few
@given(numbers, numbers)
def test_ticks_are_few_in_order_and_within(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = ticks(low, high)
    assert 1 <= len(found) <= 18
    assert found == sorted(found)
    margin = (high / 2 - low / 2) * 1e-6
    assert all(low - margin <= each <= high + margin for each in found)


@few
@given(some.lists(some.floats(-1e300, 1e300), min_size=1, max_size=9), some.text(max_size=30))
def test_every_drawing_is_sound_xml_whatever_it_is_given(values: list[float], words: str) -> None:
    words = "".join(letter for letter in words if letter.isprintable())
    edges = tuple(sorted({*values, 0.0, 1.0}))
    counts = Histogram(edges=edges, counts=tuple(range(len(edges) - 1)))
    lines = [Measure(words, value, value, value, 0.0) for value in values]
    one = (words, Curve(x=(0.0, 1.0), y=(0.0, 1.0)))
    drawn = [
        histogram(words, counts, counts, label=words), bars(words, lines, (words, words)), dots(words, lines),
        matrix(words, [words, words], [[1, 0], [0, 3]]), heat(words, [words, words], [[1, -0.5], [-0.5, 1]]),
        timeline(words, [(words, 0.0, 1.0, True)]), curves(words, [one, one], (words, words)),
    ]  # fmt: skip
    for each in drawn:
        ElementTree.fromstring(each)
        assert "nan" not in re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "", each)


@few
@given(some.lists(numbers, min_size=1, max_size=60))
def test_the_bins_of_a_column_hold_every_usual_value(values: list[float]) -> None:
    ordered = tuple(sorted(values))
    column = ColumnProfile(
        name="x", type="double", kind="number", rows=len(values), missing=0, distinct=1, quantiles=ordered
    )
    found = distributions(column, column)
    assert found is not None
    now, then = found
    assert (sum(now.counts), now) == (len(values), then)
    assert len(now.edges) == len(now.counts) + 1


def test_names_that_are_cut_short_can_be_told_apart() -> None:
    same = "measurement_of_the_pressure_at_the_{}_axle_of_the_whole_vehicle_in_bar"
    names = [
        ["flights_late_lately_by_carrier", "flights_late_lately_by_airport"],
        ["x" * 60 + "front", "x" * 60 + "rear"],
        [same.format("left"), same.format("right"), same.format("middle")],
        ["short", "shorter"],
    ]

    def check(*labels: str) -> None:
        shown = [lines_of(each, 108) for each in tell_apart(labels, 108)]
        assert len(set(shown)) == len(labels)
        drawn = bars("Names", [Measure(each, 1.0) for each in labels])
        assert all(each in drawn for each in labels), "whole in a tooltip"

    cases.each([tuple(case) for case in names], check)


def test_a_name_of_a_hundred_thousand_letters_takes_no_time() -> None:
    began = time.process_time()
    assert len(bars("Names", [Measure("W" * 100_000, 1.0), Measure("W" * 99_999, 1.0)])) < 5_000
    assert time.process_time() - began < 2


def test_words_are_cut_to_their_room_and_numbers_written_alike() -> None:
    assert fit("short", 100) == "short"
    assert fit("W" * 50, 110) == "WWWWW…WWWW"
    assert fit("vehicle_speed_left_of_front_axle", 110) == "vehicle_…nt_axle"
    assert [common_format([0.7, 0.0123])(each) for each in (0.7, 0.0123)] == ["0.700", "0.012"]
    assert scale(3, 3, 0, 10)(3) == 5


def test_nothing_is_drawn_of_an_empty_evaluation() -> None:
    from tierra.report.drawings import draw_evaluation, draw_importance, draw_slices

    empty = Evaluation(rows=0, metrics={})
    assert draw_evaluation({"average": empty}, "average") == []
    assert (draw_importance(empty, "AUC"), draw_slices(empty, "AUC")) == ([], [])


def test_a_run_that_ends_while_the_list_is_made_is_listed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, other = index._page, a_run(tmp_path, "20240102T000000-score-bbbbbb")

    def slowly(project: str, files: list[Path], calendar: Calendar | None) -> str:
        page = make(project, files, calendar)
        other.with_suffix(".json").write_text(RUN.model_dump_json())
        return page

    monkeypatch.setattr(index, "_page", slowly)
    listed = add_run(a_run(tmp_path, "20240101T000000-score-aaaaaa"), "rides", RUN).read_text()
    assert other.name in listed


def test_a_value_is_drawn_in_its_own_bin() -> None:
    column = ColumnProfile(
        name="x", type="int64", kind="number", rows=4, missing=0, distinct=2, quantiles=(0.0, 0.0, 0.0, 3.0)
    )
    found = distributions(column)
    assert found is not None
    assert (found[0].edges, found[0].counts) == ((-0.5, 0.5, 1.5, 2.5, 3.5), (3, 0, 0, 1))
