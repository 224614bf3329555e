"""How a flow's body can end, and what is raised again after its page is written."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import TerminationSignal

from tasks.run.ending import run_to_end
from tasks.run.leaving import clean_error, clean_outcome
from tasks.run.page import one_page
from tests.cases import each
from tierra.errors import DataRejected, Failed, Unavailable
from tierra.outcomes.scoring import PartitionScored, Scored, rejected, summarise
from tierra.workspace import Workspace


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def tripping_over_a_signal() -> None:
    """What Prefect's engine does when the signal arrives before a task has its run."""
    try:
        raise TerminationSignal(signal=signal.SIGTERM)
    except TerminationSignal:
        raise ValueError("Task run is not set")  # noqa: B904


ENDS: list[tuple[Any, str, type[BaseException] | None]] = [
    (raising(DataRejected("source-empty", "no rows")), "DataRejected", None),
    (raising(KeyboardInterrupt()), "Cancelled", KeyboardInterrupt),
    (raising(TerminationSignal(signal=15)), "Stopped", TerminationSignal),
    (tripping_over_a_signal, "Stopped", TerminationSignal),
    (raising(KeyError("x")), "Failed", KeyError),
    (raising(SystemExit(0)), "Failed", None),
    (raising(GeneratorExit()), "Failed", None),
    (raising(MemoryError("70 GB")), "Broken", None),
    (raising(OSError(28, "No space left on device")), "Broken", None),
    (raising(FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")), "Broken", None),
    (raising(FileNotFoundError(2, "no such file")), "Failed", FileNotFoundError),
]


def test_every_end_is_an_outcome_and_what_is_none_of_ours_is_raised_again() -> None:
    def check(body: Any, name: str, raised: type[BaseException] | None) -> None:
        ending = run_to_end(body)
        assert ending.outcome.name == name
        assert type(ending.raised) is (raised or type(None))

    each(ENDS, check)


def test_a_receipt_that_found_no_room_is_said_where_the_run_ends_well(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    def score(workspace: Workspace, project: str) -> Scored:
        return summarise(project, [PartitionScored(partition="2024-04-29", outcome="Published")])

    monkeypatch.setattr("tierra.report.page.write_receipt", no_room)
    state = one_page(score)("rides")
    assert (state.name, "But no receipt could be written: [Errno 28] No space left" in str(state.message)) == (
        "Published", True)  # fmt: skip
    assert "no receipt could be written" in state.data.receipt


def test_what_leaves_a_run_is_cleaned_and_what_is_clean_is_the_same() -> None:
    hostile = "line one\nline two \x1b[31mred, s3://KEY:canary@lake"
    shown = "line one line two red, s3://****@lake"
    scored = summarise("rides", [rejected("2024-04-29", 0, DataRejected("source-empty", hostile))])
    cleaned: Any = clean_outcome(scored)
    assert (cleaned.partitions[0].reason, cleaned.name, type(cleaned)) == (shown, "DataRejected", type(scored))
    assert clean_outcome(cleaned) is cleaned
    ours, others = clean_error(Unavailable("store-unavailable", hostile)), clean_error(OSError(5, hostile))
    assert (type(ours), str(ours).startswith(f"{shown}. Check that the store answers")) == (Unavailable, True)
    assert (type(others), "canary" in str(others), "\x1b" in str(others)) == (Failed, False, False)
    for error in (DataRejected("source-empty", "no rows"), KeyError("x"), KeyboardInterrupt()):
        assert clean_error(error) is error


def test_a_bug_is_told_with_its_place() -> None:
    bug: Any = raising(KeyError("x"))
    assert "KeyError: 'x' (test_ending.py:" in run_to_end(bug).outcome.sentence
