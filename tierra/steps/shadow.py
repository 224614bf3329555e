"""Shadow: a challenger that passed the gate scores what the champion publishes, and nobody reads it but the gate."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal

from tierra.data.partitions import Work
from tierra.data.row_numbers import published_key
from tierra.facts import ShadowNoted
from tierra.journal import note
from tierra.model.challengers import Challenger, ShadowEnd, ShadowScored
from tierra.model.pointers import Appointment
from tierra.model.release import Champion, Release
from tierra.project.project import Project
from tierra.steps.features import JoinedPartition
from tierra.steps.publish import score_rows
from tierra.steps.replay import open_champion, open_published, score_again
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations, read_manifest
from tierra.store.refs import ObjectRef
from tierra.store.tables import write_batches
from tierra.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

STEM = "shadow/"
LOOKED_AT = 60  # published partitions, the newest, in which one is looked for that was not scored beside


def find_challenger(workspace: Workspace, project: Project) -> Challenger | None:
    """The challenger that scores beside the champion; None where there is none.

    One whose champion serves no more is withdrawn: there is nobody left whom it is to beat.
    """
    challenger = workspace.challengers.current(project.name) if project.gate.shadow else None
    latest = workspace.champions.latest(project.name) if challenger else None
    if challenger is None or latest is None or latest.number == challenger.against:
        return challenger
    why = f"version {latest.version} serves since {latest.when:%Y-%m-%d %H:%M %Z}"
    workspace.challengers.end(challenger, ShadowEnd(outcome="withdrawn", why=why, who=latest.who))
    return None


def enter(
    workspace: Workspace, project: Project, release: Release, model: ObjectRef, code: Mapping[str, bytes],
    by: Appointment, against: int,
) -> tuple[Literal["InShadow"], str]:  # fmt: skip
    """Let a model that passed score beside the champion; how the training ends, and why."""
    assert project.gate.shadow
    entered = workspace.challengers.enter(release, model, code, by, against, project.gate.shadow)
    return "InShadow", _standing(workspace, entered)


def describe_standing(
    workspace: Workspace, project: Project, release: Release
) -> tuple[Literal["InShadow", "KeptChampion"], str] | None:
    """How a training ends that no model may enter the shadow from: one is in it, or these very inputs were there."""
    if standing := find_challenger(workspace, project):
        mine = workspace.challengers.as_champion(standing).release.inputs == release.inputs
        first = "" if mine else "it passed, and waits until another was judged: "
        return ("InShadow" if mine else "KeptChampion"), first + _standing(workspace, standing)
    for each in reversed(workspace.challengers.history(project.name)):
        end = workspace.challengers.end_of(each)
        if end and end.outcome == "kept" and workspace.challengers.as_champion(each).release.inputs == release.inputs:
            return "KeptChampion", f"same inputs as {each.label}, which did not pass its shadow: {end.why}"
    return None


def _standing(workspace: Workspace, challenger: Challenger) -> str:
    done = len(workspace.challengers.scored(challenger))
    return f"{challenger.label} scores in shadow, {done} of {challenger.partitions} partitions so far"


def find_unshadowed(workspace: Workspace, project: Project, challenger: Challenger) -> list[Work]:
    """The partitions that the champion published since the challenger came, and that this has still to score."""
    done = workspace.challengers.scored(challenger)
    left = max(challenger.partitions - len(done), 0)
    found = [] if not left else [*_published_since(workspace, project, challenger)]
    new = [work for work in found if work.partition not in done]
    return sorted(new, key=lambda work: work.partition)[:left]


def _published_since(workspace: Workspace, project: Project, challenger: Challenger) -> Iterator[Work]:
    sink, latest = workspace.sink(project), workspace.champions.latest(project.name)
    newest = sorted(generations(sink).items(), reverse=True)
    for partition, number in islice(newest, LOOKED_AT + challenger.partitions):
        manifest = read_manifest(sink, partition, number)
        if manifest and latest and manifest.model == latest.model.sha256 and _is_since(manifest, challenger):
            yield Work(partition, number, published=manifest)


def _is_since(manifest: Manifest, challenger: Challenger) -> bool:
    at = manifest.published_at
    return bool(at) and datetime.fromisoformat(at) >= challenger.when


def shadow_partition(
    workspace: Workspace, project: Project, challenger: Challenger, joined: JoinedPartition, work: Work
) -> ShadowScored:
    """Keep what the challenger predicts of a partition, beside what the champion predicted of it."""
    assert work.published, "a partition is scored beside when it is published"
    model: Champion = workspace.challengers.as_champion(challenger)
    scorer, key = open_champion(workspace, project, model), published_key(project.main_source)
    rows = write_batches(workspace.objects, STEM, score_rows(workspace, scorer, joined.joined, key))
    beside = write_batches(workspace.objects, STEM, iter([_champion_rows(workspace, project, work.published)]))
    same_rows = joined.joined.digest == work.published.inputs
    scored = ShadowScored(partition=work.partition, generation=work.generation, rows=rows, champion_rows=beside,
                          same_rows=same_rows)  # fmt: skip
    workspace.challengers.keep_scored(challenger, scored)
    note(ShadowNoted(challenger.label, work.partition, len(workspace.challengers.scored(challenger)),
                     challenger.partitions))  # fmt: skip
    return scored


def _champion_rows(workspace: Workspace, project: Project, manifest: Manifest) -> "pa.Table":
    """What the champion predicted, of the rows it was given: what is published may lack the probabilities."""
    return score_again(workspace, project, manifest, open_published(workspace, project, manifest))
