"""What ops reads in a run's log: our lines at their levels, retries as warnings, and no secret."""

import logging
import time
from typing import Any

import pytest
from loguru import logger
from prefect import flow

from tasks.run.log import clean_record, flush_run_logs, set_up_run_logs
from tasks.run.station import station
from tests.servers import call_api
from tierra.errors import DataRejected, TierraError, Unavailable

WARNING, ERROR = 30, 40


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy.task, "retry_delay_seconds", [0.1, 0.1, 0.1])


@station
def busy(answers: list[TierraError | str]) -> str:
    answer = answers.pop(0)
    if isinstance(answer, TierraError):
        raise answer
    return answer


@flow(name="run-log")
def call_busy(answers: list[Any]) -> str:
    set_up_run_logs()
    return busy(answers)


def lines_of(server: str, run: Any) -> list[tuple[int, str]]:
    """The run's log once it stops growing."""
    wanted = {"logs": {"flow_run_id": {"any_": [str(run)]}}, "sort": "TIMESTAMP_ASC"}
    before: list[tuple[int, str]] = []
    flush_run_logs()  # what a run in this process has not sent yet
    for _ in range(120):
        time.sleep(0.5)
        answer = call_api(server, "POST", "/logs/filter", wanted)
        lines = [(line["level"], line["message"]) for line in answer]
        if lines and lines == before:
            return lines
        before = lines
    raise AssertionError("the run's log never came to rest")


def test_a_transient_error_is_retried_and_each_retry_is_a_warning(prefect_server: str, workspace: object) -> None:
    locked = Unavailable("database-unavailable", "the database is locked")
    state = call_busy([locked, locked, "done"], return_state=True)
    assert state.is_completed()
    warnings = [text for level, text in lines_of(prefect_server, state.state_details.flow_run_id) if level == WARNING]
    retries = [text for text in warnings if text.startswith("retry")]
    assert [text[:12] for text in retries] == ["retry 1 of 3", "retry 2 of 3"]
    assert all("the database is locked" in text and " in " in text for text in retries)


def test_a_terminal_error_is_never_retried(prefect_server: str, workspace: object) -> None:
    answers: list[Any] = [DataRejected("source-empty", "no rows"), "never reached"]
    state = call_busy(answers, return_state=True)
    assert state.is_failed()
    texts = [text for _, text in lines_of(prefect_server, state.state_details.flow_run_id)]
    assert not [text for text in texts if text.startswith("retry")]


def test_lines_arrive_at_their_level_with_secrets_struck_out(
    prefect_server: str, workspace: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_CONNECTIONS__SHOP__URL", "postgresql://tierra:canary-71@127.0.0.1/shop")

    @flow(name="run-log-levels")
    def speak() -> None:
        set_up_run_logs()
        logger.warning("connecting to postgresql://tierra:canary-71@127.0.0.1/shop")
        logger.error("canary-71 again")

    state = speak(return_state=True)
    lines = lines_of(prefect_server, state.state_details.flow_run_id)
    ours = [(level, text) for level, text in lines if "****" in text]
    assert [level for level, _ in ours] == [WARNING, ERROR]
    assert "canary-71" not in str(lines)


def test_an_error_of_ours_is_one_line_and_a_bug_keeps_its_traceback() -> None:
    def logged(error: Exception) -> logging.LogRecord:
        record = logging.LogRecord("prefect.flow_runs", ERROR, "", 1, "exited", (), (type(error), error, None))
        assert clean_record(record)
        return record

    rejected = DataRejected("source-empty", "no rows")
    ours = logged(rejected)
    assert (ours.getMessage(), ours.exc_info) == (str(rejected), None)
    bug = logged(KeyError("a column"))
    assert bug.getMessage() == "exited\nKeyError: 'a column'"
    assert logged(OSError("\x1b[31mred\x07" + "x" * 1_000_000)).getMessage().startswith("exited\nOSError: red\ufffdxxx")
