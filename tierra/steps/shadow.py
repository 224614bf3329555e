"""Shadow: a challenger that passed the gate scores what the champion publishes, and nobody reads it but the gate."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal

from tierra.data.partitions import Work
from tierra.data.row_numbers import published_key
from tierra.facts import ShadowNoted
from tierra.journal import note
from tierra.model.challengers import Challenger, ShadowEnd, ShadowScored
from tierra.model.gate import Scores, Verdict
from tierra.model.pointers import Appointment, Pointer
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
LOOKED_AT = 60  # of the published partitions the newest; so many, and those to score, are looked at
Ended = tuple[Literal["InShadow", "KeptChampion"], str]


def needs_shadow(project: Project, scores: Scores, verdict: Verdict) -> bool:
    """Whether what passed scores in shadow first: a model that was compared with a champion, where the gate asks so."""
    return bool(project.gate.shadow) and verdict.passed and scores.champion_metrics is not None


def find_challenger(workspace: Workspace, project: Project, dry_run: bool = False) -> Challenger | None:
    """The challenger that scores beside the champion; None where there is none.

    Where another champion serves by now its shadow is over, and this is recorded unless the run is dry: it was promoted
    by a run that was killed before it could record that, or there is no champion left for it to beat.
    """
    challenger = workspace.challengers.current(project.name)
    latest = workspace.champions.latest(project.name) if challenger else None
    if challenger is None or latest is None or latest.number == challenger.against:
        return challenger
    if not dry_run:
        workspace.challengers.end(challenger, _overtaken(workspace, challenger, latest))
    return None


def _overtaken(workspace: Workspace, challenger: Challenger, latest: Pointer) -> ShadowEnd:
    after = [each for each in workspace.champions.history(challenger.project) if each.number == challenger.against + 1]
    if after and after[0].release == challenger.release:
        return ShadowEnd(outcome="promoted", why=after[0].why, who=after[0].who)
    why = f"version {latest.version} serves since {latest.when:%Y-%m-%d %H:%M %Z}"
    return ShadowEnd(outcome="withdrawn", why=why, who=latest.who)


def enter(
    workspace: Workspace, project: Project, release: Release, model: ObjectRef, code: Mapping[str, bytes],
    by: Appointment, against: int,
) -> Ended:  # fmt: skip
    """Let a model that passed score beside the champion; how the training ends, and why."""
    assert project.gate.shadow
    entered = workspace.challengers.enter(release, model, code, by, against, project.gate.shadow)
    return _end_beside(workspace, entered, release)


def explain_no_entry(workspace: Workspace, project: Project, release: Release) -> Ended | None:
    """How a training ends whose model may not enter the shadow: one is in it, or these very inputs were there."""
    if found := find_challenger(workspace, project):
        return _end_beside(workspace, found, release)
    for each in reversed(workspace.challengers.history(project.name)):
        end = workspace.challengers.end_of(each) if each.inputs == release.inputs else None
        if end and end.outcome == "kept":
            return "KeptChampion", f"same inputs as {each.label}, which did not pass its shadow: {end.why}"
    return None


def _end_beside(workspace: Workspace, challenger: Challenger, release: Release) -> Ended:
    """How a training ends while a challenger is in shadow: its own, or another."""
    done = len(workspace.challengers.partitions_scored(challenger))
    line = f"{challenger.label} scores in shadow, {done} of {challenger.partitions} partitions so far"
    if challenger.inputs == release.inputs:
        return "InShadow", line
    return "KeptChampion", f"it passed, and waits until another was judged: {line}"


def find_unshadowed(workspace: Workspace, project: Project, challenger: Challenger) -> list[Work]:
    """The partitions that the champion published since the challenger came, and that this has still to score.

    The newest, oldest first: one that cannot be scored is soon not among them.
    """
    done = workspace.challengers.partitions_scored(challenger)
    left = challenger.partitions - len(done)
    newest = islice(_published_since(workspace, project, challenger, done), left) if left > 0 else ()
    return sorted(newest, key=lambda work: work.partition)


def _published_since(
    workspace: Workspace, project: Project, challenger: Challenger, but: Collection[str]
) -> Iterator[Work]:
    """What was published and is not among `but`, newest first."""
    sink, latest = workspace.sink(project), workspace.champions.latest(project.name)
    newest = sorted(generations(sink).items(), reverse=True)[: LOOKED_AT + challenger.partitions]
    for partition, number in newest:
        manifest = None if partition in but else read_manifest(sink, partition, number)
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
    note(ShadowNoted(challenger.label, work.partition, len(workspace.challengers.partitions_scored(challenger)),
                     challenger.partitions))  # fmt: skip
    return scored


def _champion_rows(workspace: Workspace, project: Project, manifest: Manifest) -> "pa.Table":
    """What the champion predicted, of the rows it was given: what is published may lack the probabilities."""
    return score_again(workspace, project, manifest, open_published(workspace, project, manifest))
