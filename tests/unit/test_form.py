"""The forms of manual runs: what they show, and what is refused on a run's first line."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prefect.utilities.callables import parameter_schema

from flows.score import score
from flows.train import train
from tasks.run.form import RunRequest, check_request
from tests.builders import CLOCK, ride_source, ride_spec, write_project
from tierra.data.day_range import DayRange
from tierra.errors import InvalidCall
from tierra.facts import RequestNoted
from tierra.journal import open_journal
from tierra.model.spec import Gate
from tierra.report.wording import inline
from tierra.workspace import open_workspace

FORMS = {flow.name: parameter_schema(flow).model_dump_for_openapi() for flow in (score, train)}


def request(**values: Any) -> RunRequest:
    """A request as a flow's first lines make and check it."""
    made = RunRequest(**values)
    check_request(open_workspace(), made)
    return made


def days(**values: Any) -> DayRange | None:
    """The range that a request asks for."""
    return check_request(open_workspace(), RunRequest(project="rides", **values))


@pytest.fixture(autouse=True)
def _projects(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One project by days and one that is a single table; neither has any data to read."""
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    whole = ride_spec(project="whole", sources=ride_source(partition_by=None), split={"by": "random"})
    for name, spec in (("rides", ride_spec()), ("whole", whole)):
        (write_project(workspace / "projects" / name, spec) / "rides.csv").unlink()


@pytest.mark.parametrize(
    ("flow", "names"),
    [
        (
            "score",
            [
                "project",
                "partition",
                "rescore",
                "dry_run",
                "reason",
                "from_date",
                "to_date",
                "which",
                "model",
                "jobs",
                "long_range",
            ],
        ),
        ("train", ["project", "dry_run", "reason", "approved", "replace_champion", "take_over"]),
    ],
)
def test_every_field_of_a_form_has_a_help_text_in_the_order_of_the_call(flow: str, names: list[str]) -> None:
    fields = FORMS[flow]["properties"]
    assert sorted(fields, key=lambda name: fields[name]["position"]) == names
    assert all(len(field["description"]) > 20 for field in fields.values())
    assert FORMS[flow]["required"] == ["project"]


def test_a_partition_is_a_date_with_a_pattern_or_left_empty() -> None:
    day, empty = FORMS["score"]["properties"]["partition"]["anyOf"]
    assert (day["type"], day["format"], empty["type"]) == ("string", "date", "null")
    assert re.match(day["pattern"], "2013-12-21")
    assert not re.match(day["pattern"], "21/12/2013")


def test_the_schema_lets_a_date_pass_that_is_none() -> None:
    jsonschema.validate({"project": "rides", "partition": "2013-13-45"}, FORMS["score"])
    with pytest.raises(InvalidCall, match="'2013-13-45' is not a date"):
        request(project="rides", partition="2013-13-45")


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ({"partition": "2013-13-45"}, "partition-invalid", "'2013-13-45'"),
        ({"partition": "2024-4-9"}, "partition-invalid", "'2024-4-9'"),
        ({"partition": "all"}, "partition-invalid", "'all'"),
        ({"partition": 20240409}, "call-invalid", "partition should be a valid string"),
        ({"rescore": "maybe"}, "call-invalid", "rescore should be a valid boolean"),
        ({"dry_run": 1}, "call-invalid", "dry_run should be a valid boolean"),
        ({"reason": "x" * 501}, "call-invalid", "reason string should have at most 500 characters"),
        ({"reason": ["a"]}, "call-invalid", "reason should be"),
        ({"project": None}, "call-invalid", "project field required"),
        ({"project": ""}, "call-invalid", "project field required"),
        ({"project": 7}, "call-invalid", "project should be"),
        ({"project": "nowhere"}, "project-not-found", "available: rides, whole"),
        ({"project": "x" * 300}, "call-invalid", "project string should have at most 200"),
        ({"project": "whole", "partition": "2024-04-09"}, "partition-none", "whole is not partitioned"),
        ({"dry_run": True, "approved": True}, "call-contradictory", "nothing to approve"),
        (
            {"from_date": "2024-04-10", "to_date": "2024-04-09"},
            "range-invalid",
            "backwards, from 2024-04-10 to 2024-04-09",
        ),
        ({"from_date": "2024-04-10", "to_date": "2024-04-30"}, "range-invalid", "2024-04-30 is in the future"),
        ({"from_date": "2024-05-01"}, "range-invalid", "2024-05-01 is in the future: the newest day can be 2024-04-29"),
        ({"from_date": "2014-04-28"}, "range-long", "2014-04-28 to 2024-04-29 are 3,655 days, more than ten years"),
        ({"from_date": "10.4.2024"}, "partition-invalid", "'10.4.2024' is not a date"),
        ({"to_date": "2024-04-10"}, "range-invalid", "has no first day"),
        ({"which": "all"}, "range-invalid", "has no first day"),
        ({"model": "then"}, "range-invalid", "has no first day"),
        ({"from_date": "2024-04-10", "which": "some"}, "call-invalid", "which should be"),
        ({"from_date": "2024-04-10", "jobs": 0}, "call-invalid", "jobs should be greater than or equal to 1"),
        ({"from_date": "2024-04-10", "partition": "2024-04-10"}, "call-contradictory", "a partition and a range"),
        ({"from_date": "2024-04-10", "rescore": True}, "call-contradictory", "of a range, `all` are scored anew"),
        ({"from_date": "2024-04-10", "model": "then", "which": "stale"}, "call-contradictory", "`stale` takes today's"),
        ({"project": "whole", "from_date": "2024-04-10"}, "partition-none", "there is no range of days"),
    ],
    ids=str,
)
def test_a_wrong_call_is_refused_before_anything_is_read(wrong: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(InvalidCall, match=re.escape(words)) as refused:
        request(**{"project": "rides", **wrong})
    assert (refused.value.code, refused.value.exit_code) == (code, 2)
    assert "\n" not in str(refused.value)


def test_an_emptied_field_counts_as_not_filled_in() -> None:
    emptied = request(project="rides", partition="", rescore=None, dry_run=None, reason=None)
    assert emptied == request(project="rides")


def test_a_range_ends_today_when_its_end_is_not_given_and_may_be_long_on_request() -> None:
    today, first = date(2024, 4, 29), date(2024, 4, 10)
    assert days() is None
    assert days(from_date="2024-04-10", to_date="") == DayRange(first, today, "missing")
    assert days(from_date="2024-04-10", to_date="2024-04-10", which="all") == DayRange(first, first, "all")
    assert days(from_date="2014-04-30") == DayRange(date(2014, 4, 30), today)
    assert days(from_date="1990-01-01", long_range=True) == DayRange(date(1990, 1, 1), today)


@pytest.mark.parametrize("partition", [None, "", "all"])
def test_a_project_without_partitions_is_scored_whole(partition: str | None) -> None:
    assert request(project="whole", partition=partition).project == "whole"


def test_the_reason_is_kept_in_the_journal() -> None:
    with open_journal() as journal:
        request(project="rides", reason="a late load", dry_run=True)
    assert journal.facts(RequestNoted) == [RequestNoted("a late load", dry_run=True)]


@pytest.mark.parametrize(
    ("text", "meant", "said"),
    [("30m", timedelta(minutes=30), "30m"), ("12 h", timedelta(hours=12), "12h"), ("48h", timedelta(days=2), "2d")],
)
def test_a_time_is_written_in_minutes_hours_or_days(text: str, meant: timedelta, said: str) -> None:
    gate = Gate.model_validate({"approval": text})
    assert gate.approval == meant
    assert gate.model_dump(mode="json")["approval"] == said


@pytest.mark.parametrize("text", ["0h", "-1h", "12", "1.5h", "2w", 3600, "99999h"])
def test_another_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a time such as 45m, 6h or 2d"):
        Gate.model_validate({"approval": text})


def test_what_somebody_typed_is_no_markdown() -> None:
    typed = inline("![x](http://a/b) <img src=x>\n# **bold** | `code`")
    assert not re.search(r"(?<!\\)[\[\]*`]|<", typed)
    assert "\n" not in typed
