"""The stations of a rollback and a promotion: steps of the library under Prefect, with our run policy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tasks.run.form import RunRequest, check_request
from tasks.run.start import find_api
from tasks.run.station import station
from tasks.server.reading import find_running
from tierra import steps
from tierra.data.partitions import Work
from tierra.errors import InvalidCall
from tierra.facts import PartitionPublished
from tierra.journal import at_station, note, track, warn
from tierra.model.release import Champion
from tierra.outcomes.rollback import PartitionRepaired, Repointed, Shown, outcome_of, repaired
from tierra.outcomes.scoring import PartitionScored
from tierra.project.project import Project
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.steps.repair import Damaged, Looked
    from tierra.steps.repoint import Plan

Version = Annotated[str, Field(max_length=100)]
Predictions = Literal["repair", "keep"]


class RepointRequest(RunRequest):
    """What a rollback or a promotion is to do. Raises InvalidCall on a value that its form does not ask for."""

    version: Version = ""
    predictions: Predictions = "repair"


def check_repointing(workspace: Workspace, request: RepointRequest) -> None:
    """Check a request; nobody moves the pointer without saying why. Raises InvalidCall."""
    check_request(workspace, request)
    with at_station("check-reason"):
        if not request.reason.strip():
            raise InvalidCall("reason-needed", f"{request.project}: no reason was given")


@station
def plan_rollback(workspace: Workspace, project: Project, version: str) -> "Plan":
    """Which champion is to serve again, and which versions that takes back."""
    return steps.repoint.plan_rollback(workspace, project, version)


@station
def plan_promotion(workspace: Workspace, project: Project, version: str) -> "Plan":
    """Which former champion is to serve again."""
    return steps.repoint.plan_promotion(workspace, project, version)


@station
def check_nobody_publishes(workspace: Workspace, project: Project) -> None:
    """Raise InvalidCall while the server shows a scoring run of the project; without a server nobody knows."""
    if not find_api():
        return
    names = {project.name, project.folder.name}
    running, fault = find_running("score", lambda given: given.rpartition("/")[2] in names)
    if fault:
        warn(f"it is not known whether a run is publishing: {fault}")
    if running:
        raise InvalidCall("run-publishes", f"{project.name}: run {running[0]} is publishing")


@station
def repoint(workspace: Workspace, project: Project, plan: "Plan", reason: str) -> Champion:
    """Let the planned version serve, by a new entry in the history."""
    return steps.repoint.repoint(workspace, project, plan, reason)


@station
def find_damage(workspace: Workspace, project: Project, plan: "Plan") -> "Looked":
    """The partitions that a version taken back published last, and how many there are beside them."""
    return steps.repair.find_damage(workspace, project, plan)


@station
def name_again(
    workspace: Workspace, project: Project, damaged: Sequence["Damaged"]
) -> tuple[list[PartitionRepaired], list["Damaged"]]:
    """Publish former generations again where they stand, and the partitions that must be scored."""
    done, left = list[PartitionRepaired](), list["Damaged"]()
    for each in track(damaged, "partitions"):
        made = steps.repair.name_again(workspace, project, each)
        if made is None:
            left.append(each)
        else:
            done.append(made)
            note(PartitionPublished(made.partition, made.after.generation))
    return done, left


@station
def preview_rollback(workspace: Workspace, project: Project, plan: "Plan", request: RepointRequest) -> Repointed:
    """What the rollback would change; nothing is changed."""
    found, champion = steps.repair.find_damage(workspace, project, plan), workspace.champions.of(plan.target)
    listed = found.kept if request.predictions == "keep" else found.previewed
    return summarise_repointing(project, plan, champion, request, listed, found.untouched)


@station
def look_again(
    workspace: Workspace, project: Project, plan: "Plan", done: Sequence[PartitionRepaired]
) -> list[PartitionRepaired]:
    """The partitions that a version taken back published while they were repaired, or after."""
    known = {each.partition for each in done if each.outcome == "Rejected"}
    found = steps.repair.find_damage(workspace, project, plan).damaged
    return [repaired(each.newest, "PublishedMeanwhile") for each in found if each.newest.partition not in known]


def rescored(damaged: Sequence["Damaged"], scored: Sequence[PartitionScored]) -> list[PartitionRepaired]:
    """What became of partitions that were scored again."""
    return [_rescored(each, end) for each, end in zip(damaged, scored, strict=True)]


def work_of(damaged: Sequence["Damaged"]) -> list[Work]:
    """Partitions to repair as work for scoring."""
    return [each.work for each in damaged]


def summarise_repointing(
    project: Project, plan: "Plan", champion: Champion, request: RepointRequest,
    partitions: Sequence[PartitionRepaired] = (), untouched: int = 0,
) -> Repointed:  # fmt: skip
    """The whole run's outcome."""
    replaced = plan.taken_back[-1].version if plan.stands and plan.taken_back else plan.current.version
    if request.dry_run:
        return Repointed(
            project=project.name, outcome="DryRun", version=plan.target.version, version_before=replaced,
            number=plan.current.number + (not plan.stands), why=request.reason, partitions=tuple(partitions),
            untouched=untouched,
        )  # fmt: skip
    outcome = "Promoted" if plan.did == "promoted" else outcome_of(plan.stands, partitions)
    return Repointed(
        project=project.name, outcome=outcome, version=plan.target.version, version_before=replaced,
        number=champion.number, who=champion.who, where=champion.where, why=champion.why,
        partitions=tuple(partitions), untouched=untouched,
    )  # fmt: skip


def _rescored(damaged: "Damaged", end: PartitionScored) -> PartitionRepaired:
    newest = damaged.newest
    if end.outcome == "Rejected":
        return repaired(newest, "Rejected", reason=end.reason)
    outcome = "Rescored" if end.outcome == "Published" else "Overtaken"
    after = Shown(generation=end.generation, version=end.model_version, rows=end.rows_scored)
    made = repaired(newest, outcome, where=end.manifest)  # type: ignore[arg-type]
    return made.model_copy(update={"after": after})
