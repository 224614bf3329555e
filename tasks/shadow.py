"""The stations of a shadow: steps of the library under Prefect, with our run policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.approval import decide
from tasks.run.form import RunRequest
from tasks.run.station import station
from tierra import steps
from tierra.data.partitions import Work
from tierra.model.challengers import Challenger
from tierra.model.gate import Scores, Verdict
from tierra.outcomes.shadow import Shadowed
from tierra.outcomes.training import Served
from tierra.project.project import Project
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.steps.features import JoinedPartition
    from tierra.steps.shadow_gate import Measured
    from tierra.steps.shadowed import Watched


@dataclass(frozen=True)
class Decided:
    """What was measured, the verdict on it, and who approved it where the project asks for that."""

    scores: Scores
    verdict: Verdict
    who: str = ""


@station
def find_challenger(workspace: Workspace, project: Project, dry_run: bool = False) -> Challenger | None:
    """The challenger that scores beside the champion, where there is one."""
    return steps.shadow.find_challenger(workspace, project, dry_run)


@station
def find_unshadowed(workspace: Workspace, project: Project, challenger: Challenger) -> Sequence[Work]:
    """The published partitions that the challenger has still to score."""
    return steps.shadow.find_unshadowed(workspace, project, challenger)


@station
def shadow_partition(
    workspace: Workspace, project: Project, challenger: Challenger, joined: "JoinedPartition", work: Work
) -> None:
    """Keep what the challenger predicts of a partition, apart from what is published."""
    steps.shadow.shadow_partition(workspace, project, challenger, joined, work)


@station
def watch_shadow(workspace: Workspace, project: Project, challenger: Challenger) -> "Watched":
    """The challenger with all that it scored, and the champion it may replace."""
    return steps.shadowed.watch(workspace, project, challenger)


@station
def measure_shadow(workspace: Workspace, project: Project, watched: "Watched") -> "Measured":
    """How many labels of what both models scored the sources have; once they are there, the metrics of both."""
    return steps.shadow_gate.measure_shadow(workspace, project, watched)


@station
def judge_shadow(project: Project, scores: Scores, request: RunRequest) -> Decided:
    """The gate's verdict, and a person's word where the project asks for approval."""
    verdict, who = steps.shadow_gate.judge_shadow(project, scores), ""
    if verdict.promote and not request.dry_run:
        verdict, who = decide(project, scores, verdict, request)
    return Decided(scores, verdict, who)


def with_own_gate(project: Project, watched: "Watched") -> Project:
    """The project with the gate that let the challenger into its shadow."""
    return steps.shadow_gate.with_own_gate(project, watched.model.release.verdict)


@station
def settle(
    workspace: Workspace, project: Project, watched: "Watched", decided: Decided, request: RunRequest
) -> tuple[str, str]:
    """Make the challenger the champion, or end its shadow; of a dry run, what that would be."""
    if request.dry_run:
        verdict = decided.verdict
        return "DryRun", f"would {'promote' if verdict.promote else 'keep the champion'}: {verdict.reasons[-1]}"
    return steps.shadow_gate.settle(workspace, project, watched, decided.verdict, decided.who)


@station
def withdraw(workspace: Workspace, project: Project, challenger: Challenger, request: RunRequest) -> Shadowed:
    """End a shadow without a verdict, though what the challenger needs may be damaged; nothing in a dry run."""
    if request.dry_run:
        return Shadowed(project=project.name, outcome="DryRun", reason=f"would take {challenger.label} out")
    outcome, why = steps.shadow_gate.withdraw(workspace, challenger, request.reason or "taken out by hand")
    return Shadowed(project=project.name, outcome=outcome, reason=why)


def waiting_for_rows(watched: "Watched") -> str:
    """How many partitions a challenger has scored, in one line."""
    challenger = watched.challenger
    return f"{challenger.label} has scored {len(watched.scored)} of {challenger.partitions} partitions in shadow"


def waiting_for_labels(watched: "Watched", measured: "Measured") -> str:
    """Which labels a shadow waits for, in one line."""
    late = [each.partition for each in measured.partitions if not each.is_labelled]
    count = f"{len(late)} of {len(watched.scored)} partitions"
    return f"{watched.challenger.label} waits for the labels of {count}, from {late[0]} on"


def summarise_shadow(
    project: Project, watched: "Watched", end: tuple[str, str], measured: "Measured | None" = None,
    decided: Decided | None = None,
) -> Shadowed:  # fmt: skip
    """The whole run's outcome."""
    scores, champion, model = decided and decided.scores, watched.champion, watched.model
    sides = {
        "champion": Served(version=champion.version, candidate=champion.candidate,
                           metrics=scores.champion_metrics or {}, intervals=scores.champion_intervals),
        "challenger": Served(version=model.version, candidate=model.candidate, metrics=scores.best_metrics,
                             intervals=scores.best_intervals),
    } if scores else {}  # fmt: skip
    return Shadowed(
        project=project.name, outcome=end[0], reason=end[1], metric=project.gate.metric_name,
        verdict=decided.verdict if decided else None, wanted=watched.challenger.partitions,
        partitions=(measured or watched).partitions,
        **sides,
    )  # fmt: skip
