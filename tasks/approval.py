"""Manual approval before promotion, where the project file asks for one."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID, uuid4

import httpx
from loguru import logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.input import RunInput
from prefect.input.run_input import keyset_from_paused_state
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL
from prefect.states import Paused, Running
from pydantic import Field, ValidationError

from tasks.run.form import RunRequest
from tasks.run.station import station
from tierra import steps
from tierra.facts import ApprovalGiven
from tierra.journal import note
from tierra.model.gate import Scores, Verdict
from tierra.project.project import Project
from tierra.report.wording import inline
from tierra.spec import format_duration
from tierra.steps.release import is_same_training
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.steps.evaluate import Judged

# The server fails a pause that has expired. The run stops waiting before, so that no answer is no failure.
GRACE = timedelta(hours=1)
POLL_SECONDS = 10.0


class Approval(RunInput):
    """The form a person fills in."""

    approve: Literal["yes", "no"] = Field(description="Whether the model shall serve from now on")
    name: str = Field(min_length=1, max_length=100, description="Who decides")
    note: str = Field("", max_length=500, description="Why; kept on the receipt and on the registered run")

    @property
    def sentence(self) -> str:
        """The decision as a reason of the verdict."""
        decision = "approved" if self.approve == "yes" else "declined"
        return f"{decision} by {self.name}" + (f": {self.note}" if self.note else "")


@station
def approve(workspace: Workspace, project: Project, judged: "Judged", request: RunRequest) -> "Judged":
    """The verdict after manual approval: where the project asks for it, promotion needs a yes.

    Of a model that is to score in shadow first, approval is asked at the end of that.
    """
    is_for_shadow = steps.shadow.needs_shadow(project, judged.scores, judged.verdict)
    if not judged.verdict.promote or is_for_shadow or _is_serving(workspace, project, judged):
        return judged
    verdict, who = decide(project, judged.scores, judged.verdict, request)
    return judged.model_copy(update={"verdict": verdict, "approved_by": who})


def decide(project: Project, scores: Scores, verdict: Verdict, request: RunRequest) -> tuple[Verdict, str]:
    """A verdict that promotes, after a person's yes or no where the project asks for one; and who that was."""
    time_limit = project.gate.approval
    if time_limit is None:
        return verdict, ""
    decision = _decide(_question(project, scores, verdict), time_limit, request)
    note(ApprovalGiven(decision.sentence))
    reasons = (*verdict.reasons, decision.sentence)
    return verdict.model_copy(update={"promote": decision.yes, "reasons": reasons}), decision.who


@dataclass(frozen=True)
class _Decision:
    """Whether the model may serve, by whose word, and that in one line."""

    yes: bool
    sentence: str
    who: str = ""


def _is_serving(workspace: Workspace, project: Project, judged: "Judged") -> bool:
    champion = steps.champion.current_champion(workspace, project)
    return champion is not None and is_same_training(project, judged.datasets, champion, judged.made_as)


def _decide(question: str, time_limit: timedelta, request: RunRequest) -> _Decision:
    if request.approved:
        return _Decision(True, "approved with the call" + (f": {request.reason}" if request.reason else ""))
    run = FlowRunContext.get()
    if run is None or run.flow_run is None or not PREFECT_API_URL.value():
        why = "approval is needed and there is no Prefect server to give it on: start it again with --approve"
        return _Decision(False, why)
    answer = ask_for_approval(run.flow_run.id, question, time_limit)
    if answer is None:
        return _Decision(False, f"no one approved within {format_duration(time_limit)}")
    return _Decision(answer.approve == "yes", answer.sentence, answer.name)


def ask_for_approval(run: UUID, question: str, time_limit: timedelta) -> Approval | None:
    """Pause the run until somebody answers in the UI; None when nobody does in time.

    The process stays alive and polls. Each question has a key of its own, so that
    a run that died while it waited asks again when it is restarted.
    """
    form = Approval.with_initial_data(description=question)
    until = datetime.now(UTC) + time_limit
    message = f"waits for approval until {until:%Y-%m-%d %H:%M} UTC"
    paused: State[Any] = Paused(pause_expiration_time=until + GRACE, pause_key=uuid4().hex, message=message)
    keys = keyset_from_paused_state(paused)
    paused.state_details.run_input_keyset = dict[str, str](**keys)
    with get_client(sync_client=True) as client:
        form.save(keys, run)
        client.set_flow_run_state(run, paused)
        logger.warning("{}: choose Resume on {}", message, flow_run.ui_url)
        _wait(client, run, until)
        client.set_flow_run_state(run, Running())
    try:
        answer = form.load(keys, run)
        assert isinstance(answer, Approval)
        return answer
    # Nobody answered, or somebody set the run going by other means than the form.
    except ValidationError:
        return None


def _wait(client: SyncPrefectClient, run: UUID, until: datetime) -> None:
    """Until the run is no longer paused, or time is up."""
    while (left := (until - datetime.now(UTC)).total_seconds()) > 0:
        time.sleep(min(POLL_SECONDS, left))
        try:
            state = client.read_flow_run(run).state
        # A server that is started anew is no answer.
        except httpx.HTTPError as error:
            logger.warning("the server does not answer, the run goes on waiting: {}", error)
            continue
        if state is None or not state.is_paused():
            return


def _question(project: Project, scores: Scores, verdict: Verdict) -> str:
    """What the person who decides has to know, in Markdown."""
    before = f"champion version {scores.champion_version}" if scores.champion_version else "nothing: it is the first"
    lines = [f"**{inline(project.name)}: shall {inline(verdict.winner)} serve?** It would replace {before}."]
    return "\n\n".join([*lines, *(f"- {inline(each)}" for each in verdict.reasons)])
