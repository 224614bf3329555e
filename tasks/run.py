"""Around every flow: a journal, one receipt whatever the end, and a named state."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from loguru import logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from tasks.run_log import set_up_run_logs
from tierra.errors import TierraError
from tierra.journal import Journal, open_journal
from tierra.outcomes import Scored, Trained, rejection

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
        with open_journal() as journal:
            try:
                end: Trained | Scored | TierraError = body(*args, **kwargs)
            except TierraError as error:
                end = error
        return as_state(_with_page(str(kwargs.get("project") or (args or [""])[0]), body.__name__, journal, end))

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


def _with_page(
    project: str, flow: str, journal: Journal, end: Trained | Scored | TierraError
) -> Trained | Scored | TierraError:
    from tierra.report.page import write_receipt

    try:
        receipt, short = write_receipt(project, flow, journal, end)
    # Neither a full disk nor a page that cannot be drawn turns what was published into a failure.
    except Exception:  # noqa: BLE001
        logger.exception("no receipt could be written")
        return end
    logger.info("receipt: {}", receipt)
    create_markdown_artifact(short, key=f"{flow}-receipt", description=f"{flow} {project}")
    if isinstance(end, TierraError):
        return end
    return end.model_copy(update={"receipt": str(receipt)})


def _message(end: Trained | Scored) -> str:
    if isinstance(end, Trained):
        return f"{end.reason}; champion: {end.champion.said}"
    days = ", ".join(each.partition for each in end.partitions if each.outcome in ("Published", "WouldPublish"))
    would = "would publish " if end.outcome == "DryRun" else ""
    counts = f"{days}: {end.rows_scored:,} rows scored, {end.rows_quarantined:,} quarantined"
    return f"{would}{counts}" if days else f"{would}nothing" if would else end.outcome
