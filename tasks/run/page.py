"""Around every flow: its workspace, a journal, one receipt whatever the end, and a named state."""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from loguru import logger
from prefect import states
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from tasks.run.ending import run_to_end
from tasks.run.leaving import clean_outcome, leaving
from tasks.run.log import flush_run_logs, set_up_run_logs
from tasks.run.progress import show_progress
from tasks.server.links import artifact_key
from tierra.errors import Cancelled, Failed, InvalidCall, Misconfigured, first_line
from tierra.facts import CardsMade
from tierra.journal import announce_end, open_journal
from tierra.model.documents import to_markdown
from tierra.outcomes.outcome import Outcome
from tierra.redaction import clean_line, strike
from tierra.report.finished_run import NO_RECEIPT, FinishedRun
from tierra.report.wording import inline
from tierra.temporary import remove_leftovers
from tierra.workspace import Workspace, open_workspace

P = ParamSpec("P")
LONGEST = 200
LONGEST_MESSAGE = 4_000
OLD_PAGE = 20 * 60.0  # seconds; a watchdog writes it more often


def one_page(body: Callable[Concatenate[Workspace, P], Outcome]) -> Callable[P, State[Any]]:
    """Make a flow's body end in a named state, with one page that says what happened.

    The body is handed the run's workspace, opened once, before the flow's own
    parameters. An error of ours ends the run as a failed state named after its kind,
    never as a traceback. What stops a run, and any other error, which is a bug, has its
    page too and passes through.
    """

    @wraps(body)
    def run(*args: P.args, **kwargs: P.kwargs) -> State[Any]:
        try:
            return as_state(_run(body, *args, **kwargs))
        finally:
            # A process may end right after its run, and a bug's last lines are those one looks for.
            if _is_in_prefect():
                flush_run_logs()

    # Prefect reads the flow's parameters from its signature.
    _, *parameters = inspect.signature(body).parameters.values()
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def run_name() -> str:
    """The run's name in the UI: flow, project, the partition, range or what is due, and whether it is a dry run."""
    given: dict[str, Any] = flow_run.parameters
    parts = [flow_run.flow_name or "", Path(str(given.get("project") or "unknown")).stem]
    parts += [_days_of(given)] if "partition" in given else []
    return "-".join([*parts, "dry"] if given.get("dry_run") is True else parts)[:LONGEST]


def _days_of(given: dict[str, Any]) -> str:
    """The partition, the range or what is due."""
    first, last = given.get("from_date"), given.get("to_date")
    return f"{first}..{last or ''}" if first else str(given["partition"] or "due")


def as_state(outcome: Outcome) -> State[Any]:
    """The named state of a run's end: green for what was expected, red with one line otherwise."""
    if isinstance(outcome, Cancelled):
        return states.Cancelled(name=outcome.name, message=_message(outcome))
    if outcome.error:
        return states.Failed(name=outcome.name, message=_message(outcome), data=outcome.error)
    return states.Completed(name=outcome.name, message=_message(outcome), data=outcome)


def _run(body: Callable[Concatenate[Workspace, P], Outcome], *args: P.args, **kwargs: P.kwargs) -> Outcome:
    project, flow = str(kwargs.get("project") or (args or [""])[0]), body.__name__
    try:
        workspace = open_workspace()
    except Misconfigured as error:  # without settings nobody knows where a receipt would be
        _show_summary(artifact_key(flow, project), error, _short_page(error))
        announce_end(error)
        return error

    def show_and_run() -> Outcome:
        set_up_run_logs(workspace.settings)
        remove_leftovers()
        with _progress(flow, project), leaving():
            return clean_outcome(body(workspace, *args, **kwargs))

    with open_journal(flow_run.id or "", flow_run.run_count or 1) as journal:
        ending = run_to_end(show_and_run)
    end = FinishedRun(project, flow, journal, _misconfigured_if_scheduled(ending.outcome))
    outcome = _with_page(workspace, end)
    _send_numbers(workspace, end)
    _refresh_morning(workspace)
    announce_end(outcome)
    if ending.raised and _passes_on(outcome):
        raise ending.raised
    return outcome


def _misconfigured_if_scheduled(outcome: Outcome) -> Outcome:
    """A scheduled run whose call is invalid is misconfigured: nobody filled in a form, the project is gone or wrong."""
    if isinstance(outcome, InvalidCall) and "auto-scheduled" in (flow_run.tags or ()):
        return Misconfigured(outcome.code, outcome.what)
    return outcome


def _passes_on(outcome: Outcome) -> bool:
    """Whether what ended the body is raised again: a bug, and a signal to a run that a worker can start again."""
    if isinstance(outcome, Cancelled):
        context = FlowRunContext.get()
        return bool(context and context.flow_run and context.flow_run.deployment_id)
    return isinstance(outcome, Failed) or _is_in_prefect()


def _refresh_morning(workspace: Workspace) -> None:
    """Write the page of the morning, unless somebody else does: beside a server it is the watchdog's."""
    from tasks.status import refresh_morning
    from tierra.status.morning import page_age

    if not _is_in_prefect() or page_age(workspace.settings) > OLD_PAGE:
        refresh_morning(workspace)


def _is_in_prefect() -> bool:
    """Whether a Prefect server shows this run. The flow's body runs without one too."""
    return FlowRunContext.get() is not None


def _progress(flow: str, project: str) -> AbstractContextManager[None]:
    return show_progress(flow, f"{artifact_key(flow, project)}-progress") if _is_in_prefect() else nullcontext()


def _with_page(workspace: Workspace, end: FinishedRun) -> Outcome:
    from tierra.report.page import write_receipt

    key = artifact_key(end.flow, end.project)
    try:
        receipt, summary = write_receipt(workspace, end)
    # Neither a full disk nor a page that cannot be drawn turns what was published into a failure.
    except Exception as error:  # noqa: BLE001
        why = f"{NO_RECEIPT}: {clean_line(first_line(error))}"
        logger.opt(exception=not isinstance(error, OSError)).error(why)
        outcome = end.outcome.with_receipt(why)
        _show_summary(key, outcome, _short_page(outcome, error))
        return outcome
    logger.info("receipt: {}", receipt)
    _show_summary(key, end.outcome, summary)
    _show_cards(end)
    return end.outcome.with_receipt(str(receipt))


def _send_numbers(workspace: Workspace, end: FinishedRun) -> None:
    from tierra.report.page import send_numbers

    try:
        send_numbers(workspace, end)
    except Exception:  # noqa: BLE001  the run has ended, and its receipt says how
        logger.exception("no figures could be sent")


def _short_page(outcome: Outcome, error: Exception | None = None) -> str:
    """The summary where no receipt could be written."""
    lines = [f"# {outcome.name}", inline(_message(outcome))]
    why = f"No receipt could be written: {inline(first_line(error))}; see the log." if error else ""
    return "\n\n".join([*lines, *([why] if why else [])])


def _show_summary(key: str, outcome: Outcome, text: str) -> None:
    """Put the run's summary on its page. What was published stays so when the server does not take it."""
    _show_artifact(key, f"{outcome.name}: {inline(_message(outcome), LONGEST)}", text)


def _show_artifact(key: str, description: str, text: str) -> None:
    if not _is_in_prefect():
        return
    try:
        create_markdown_artifact(strike(text), key=key, description=description)
    except Exception:  # noqa: BLE001
        logger.exception("no summary could be shown")


def _show_cards(end: FinishedRun) -> None:
    """Put the cards of what serves since this run beside its summary, each under a key of its own."""
    for made in end.journal.facts(CardsMade):
        for card in made.cards:
            key = artifact_key(f"{card.kind}-card", end.project)
            _show_artifact(key, f"{card.title} of version {made.version}", to_markdown(card, made.version))


def _message(outcome: Outcome) -> str:
    receipt = str(getattr(outcome, "receipt", ""))
    lost = f" But {receipt}." if receipt.startswith(NO_RECEIPT) else ""
    return clean_line(outcome.error or f"{outcome.sentence}{lost}", LONGEST_MESSAGE)
