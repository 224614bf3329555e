"""Around every flow: a journal, one receipt whatever the end, and a named state."""

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from loguru import logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from tasks.run.log import flush_run_logs, set_up_run_logs
from tasks.run.progress import show_progress
from tierra.errors import TierraError
from tierra.journal import Journal, open_journal
from tierra.outcomes import Scored, Trained, rejection
from tierra.report.wording import inline

P = ParamSpec("P")
LONGEST = 200


def one_page(body: Callable[P, Trained | Scored]) -> Callable[P, State[Any]]:
    """Make a flow's body end in a named state, with one page that says what happened.

    An error of ours ends the run as a failed state named after its kind, never
    as a traceback; any other error is a bug and passes through.
    """

    @wraps(body)
    def run(*args: P.args, **kwargs: P.kwargs) -> State[Any]:
        set_up_run_logs()
        project, flow = str(kwargs.get("project") or (args or [""])[0]), body.__name__
        try:
            with open_journal(flow_run.id or "", flow_run.run_count or 1) as journal:
                end = _ended(body, artifact_key(flow, project), *args, **kwargs)
            return as_state(_with_page(project, flow, journal, end))
        finally:
            # A process may end right after its run, and a bug's last lines are those one looks for.
            flush_run_logs()

    return run


def run_name() -> str:
    """The run's name in the UI: flow, project, the partition or what is due, and whether it is a dry run."""
    given: dict[str, Any] = flow_run.parameters
    parts = [flow_run.flow_name or "", Path(str(given.get("project") or "unknown")).stem]
    parts += [str(given["partition"] or "due")] if "partition" in given else []
    return "-".join([*parts, "dry"] if given.get("dry_run") is True else parts)[:LONGEST]


def as_state(end: Trained | Scored | TierraError) -> State[Any]:
    """The named state of a run's end: green for what was expected, red with one line otherwise."""
    error = end if isinstance(end, TierraError) else rejection(end) if isinstance(end, Scored) else None
    if error:
        error.end = end  # type: ignore[attr-defined]
        return Failed(name=type(error).__name__, message=str(error), data=error)
    assert not isinstance(end, TierraError)
    return Completed(name=end.outcome, message=_message(end), data=end)


def artifact_key(flow: str, project: str) -> str:
    """The key of a run's summary: flow and project, in what Prefect allows."""
    return "-".join(re.findall("[a-z0-9]+", f"{flow}-{Path(project).stem}".lower()))


def _ended(
    body: Callable[P, Trained | Scored], key: str, *args: P.args, **kwargs: P.kwargs
) -> Trained | Scored | TierraError:
    try:
        with show_progress(body.__name__, f"{key}-progress"):
            return body(*args, **kwargs)
    except TierraError as error:
        return error


def _with_page(
    project: str, flow: str, journal: Journal, end: Trained | Scored | TierraError
) -> Trained | Scored | TierraError:
    from tierra.report.page import write_receipt

    try:
        receipt, short = write_receipt(project, flow, journal, end)
    # Neither a full disk nor a page that cannot be drawn turns what was published into a failure.
    except Exception as error:  # noqa: BLE001
        logger.exception("no receipt could be written")
        _show_summary(project, flow, end, _without_receipt(end, error))
        return end
    logger.info("receipt: {}", receipt)
    _show_summary(project, flow, end, short)
    if isinstance(end, TierraError):
        return end
    return end.model_copy(update={"receipt": str(receipt)})


def _without_receipt(end: Trained | Scored | TierraError, error: Exception) -> str:
    state = as_state(end)
    return f"# {state.name}\n\n{state.message}\n\nNo receipt could be written: {type(error).__name__}; see the log."


def _show_summary(project: str, flow: str, end: Trained | Scored | TierraError, text: str) -> None:
    """Put the run's summary on its page. What was published stays so when the server does not take it."""
    state = as_state(end)
    try:
        said = f"{state.name}: {inline(state.message, LONGEST)}"
        create_markdown_artifact(text, key=artifact_key(flow, project), description=said)
    except Exception:  # noqa: BLE001
        logger.exception("no summary could be shown")


def _message(end: Trained | Scored) -> str:
    if isinstance(end, Trained):
        return f"{end.reason}; champion: {end.champion.said}"
    days = ", ".join(each.partition for each in end.partitions if each.outcome in ("Published", "WouldPublish"))
    would = "would publish " if end.outcome == "DryRun" else ""
    counts = f"{days}: {end.rows_scored:,} rows scored, {end.rows_quarantined:,} quarantined"
    return f"{would}{counts}" if days else f"{would}nothing" if would else end.outcome
