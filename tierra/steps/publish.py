"""Scoring a partition and publishing it, exactly once."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.columns import require_columns
from tierra.data.contract import enforce_budget
from tierra.data.partitions import Work
from tierra.data.quarantine import QuarantineReason
from tierra.data.row_numbers import published_key
from tierra.errors import Broken, TierraError
from tierra.facts import PartitionPredicted, PartitionPublished, RowsQuarantined
from tierra.journal import advance, note, warn
from tierra.model.evaluation import Histogram
from tierra.model.release import Champion
from tierra.outcomes.scoring import PartitionScored, scored_from
from tierra.project.project import Project
from tierra.steps.champion import open_scorer
from tierra.steps.features import Joined, JoinedPartition
from tierra.steps.kept_keys import require_kept_keys
from tierra.steps.owners import claim_names
from tierra.steps.profile import measure_drift, profile_of
from tierra.steps.shift import Night, warn_of_shift
from tierra.steps.validate import keep_quarantined
from tierra.store.manifest import Manifest
from tierra.store.marks import confirm
from tierra.store.memo import remember
from tierra.store.predictions import is_reusable, publish
from tierra.store.refs import ObjectRef, RowsScored, TableRef
from tierra.store.sinks import Sink
from tierra.store.sweeping import sweep
from tierra.store.tables import read_batches, read_table
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.model.scoring import Scorer


class Predicted(BaseModel):
    """Predictions that are written but not published."""

    model_config = ConfigDict(frozen=True)

    part: TableRef
    unseen: dict[str, int]
    decided: dict[str, int] = {}
    scores: Histogram | None = None
    promise: str = ""
    quarantine: TableRef | None = None
    reasons: tuple[QuarantineReason, ...] = ()

    @property
    def set_aside(self) -> int:
        """How many rows the model does not take."""
        return self.quarantine.rows if self.quarantine else 0


class Publication(BaseModel):
    """What is ready to be published: a manifest that lacks its generation, and the categories not seen in training."""

    model_config = ConfigDict(frozen=True)

    manifest: Manifest
    unseen: dict[str, int]


def compare_partition(
    workspace: Workspace, project: Project, champion: Champion, joined: JoinedPartition
) -> ObjectRef | None:
    """Keep how the partition's rows differ from those the champion was trained on."""
    pulled = joined.clean.pulled
    profile = profile_of(workspace, f"{project.main} {pulled.partition}", pulled.rows, project.main_source.key)
    return measure_drift(workspace, profile, champion.release.profile, pulled.partition)


def predict_partition(
    workspace: Workspace,
    project: Project,
    champion: Champion,
    joined: JoinedPartition,
    work: Work,
    drift: ObjectRef | None = None,
) -> Publication:
    """Score the joined rows batch by batch with the champion, its code and its recipe."""
    require_kept_keys(workspace, project, work, joined.joined.rows)
    release, sink, generation = champion.release, workspace.sink(project), work.generation + 1
    # Rows are written for one partition and generation, and published as no other.
    inputs = [joined.joined.digest, release.model_sha256, release.serving_digest, project.score,
              work.partition, generation]  # fmt: skip
    predicted = remember(
        workspace.objects, __name__, [*inputs, sink.where, sink.dataset], Predicted,
        lambda: _predict(workspace, project, champion, joined, generation),
        is_valid=lambda predicted: is_reusable(sink, predicted.part),
    )  # fmt: skip
    _enforce_budget(workspace, project, joined, predicted)
    note(PartitionPredicted(predicted.scores, predicted.decided, release.scores, release.decided))
    if predicted.promise:
        night = Night(work.partition, predicted.promise, predicted.scores, predicted.decided, drift)
        warn_of_shift(workspace, project, release, night)
    manifest = _manifest(project, champion, joined, predicted)
    return Publication(manifest=manifest.model_copy(update={"drift": drift}), unseen=predicted.unseen)


def publish_partition(workspace: Workspace, project: Project, ready: Publication, work: Work) -> PartitionScored:
    """Make the predictions visible at once, with one put-if-absent of the manifest."""
    claim_names(workspace, project)
    _refuse_taken_back(workspace, project, ready.manifest)
    sink = workspace.sink(project)
    now = datetime.now().astimezone().isoformat(timespec="microseconds")
    manifest = ready.manifest.model_copy(update={"writer": work.name, "published_at": now})
    _show_quarantine(workspace, sink, manifest)
    confirm(workspace.objects)
    done, ending = publish(sink, manifest, work.generation)
    where = sink.location(done.partition, done.generation)
    if ending == "stood down":
        _warn_of_difference(manifest, done)
        return scored_from(done, where, "AlreadyPublished")
    note(PartitionPublished(done.partition, done.generation))
    return scored_from(done, where, "Published", _is_stale(work), ready.unseen, describe_basis(work, done))


def _refuse_taken_back(workspace: Workspace, project: Project, manifest: Manifest) -> None:
    """Raise Broken where a rollback took the model back while this run scored with it."""
    if entry := workspace.champions.taken_back(project.name, manifest.model, manifest.scoring):
        what = f"version {manifest.model_version} was taken back by {entry.who} ({entry.why})"
        raise Broken("champion-taken-back", f"{project.name} {manifest.partition} was not published: {what}")


def preview_partition(workspace: Workspace, project: Project, ready: Publication, work: Work) -> PartitionScored:
    """What publishing would make visible; nothing is published."""
    manifest = ready.manifest.model_copy(update={"generation": work.generation + 1})
    return scored_from(manifest, "", "WouldPublish", _is_stale(work), ready.unseen, describe_basis(work, manifest))


def sweep_parts(workspace: Workspace, project: Project) -> None:
    """Remove what killed and overtaken writers left. What was published stays so when that fails."""
    try:
        sweep(workspace.sink(project))
    except TierraError as error:
        warn(f"parts that nobody needs could not be removed: {error.what}")


def _manifest(project: Project, champion: Champion, joined: JoinedPartition, predicted: Predicted) -> Manifest:
    rows, release = joined.clean.rows, champion.release
    return Manifest(
        dataset=project.dataset,
        partition=joined.clean.pulled.partition,
        inputs=joined.joined.digest,
        model=release.model_sha256,
        scoring=release.serving_digest,
        model_version=champion.version,
        rows_in=rows.rows_in,
        rows_scored=predicted.part.rows,
        rows_quarantined=rows.quarantined + predicted.set_aside,
        parts=(predicted.part,),
        quarantine=tuple(each for each in (rows.quarantine, predicted.quarantine) if each),
        joined=RowsScored(rows=joined.joined.rows, history=joined.joined.history),
    )


def _show_quarantine(workspace: Workspace, sink: Sink, manifest: Manifest) -> None:
    for ref in manifest.quarantine:
        sink.keep_quarantine(ref, read_batches(workspace.objects, ref))


def _warn_of_difference(ours: Manifest, theirs: Manifest) -> None:
    """Say so where another run was first and published other rows."""
    if not theirs.says_the_same(ours):
        first = f"another run published {theirs.partition} first, with model version {theirs.model_version}; this one's"
        warn(f"{first} predictions differ and were not published")


def describe_basis(work: Work, manifest: Manifest) -> str:
    """Of what time the data are, of a day that is scored anew; empty where that goes without saying."""
    if work.basis or not (work.rescore and work.published):
        return work.basis
    changed = work.published.inputs != manifest.inputs
    return f"the data have changed since generation {work.generation}" if changed else ""


def _is_stale(work: Work) -> bool:
    """Whether what is published has changed since at the source, and is replaced for that."""
    return bool(work.generation) and not work.rescore


def _predict(
    workspace: Workspace, project: Project, champion: Champion, joined: JoinedPartition, generation: int
) -> Predicted:
    scorer = open_scorer(workspace, project, champion)
    require_columns(f"{project.file}: score.keep", project.score.keep, joined.clean.pulled.rows.columns)
    beside = published_key(project.main_source) | {name: name for name in project.score.keep}
    scored = score_rows(workspace, scorer, joined.joined, beside)
    part = workspace.sink(project).write_part(joined.clean.pulled.partition, generation, scored)
    quarantine, reasons = keep_quarantined(workspace, scorer.set_aside)
    return Predicted(part=part, unseen=dict(scorer.unseen), decided=dict(scorer.decided), scores=scorer.scores,
                     promise=scorer.promise, quarantine=quarantine, reasons=reasons)  # fmt: skip


def _enforce_budget(workspace: Workspace, project: Project, joined: JoinedPartition, predicted: Predicted) -> None:
    """Show the rows that the model does not take. Raises DataRejected where they exceed the contract's budget."""
    if predicted.quarantine is None:
        return
    note(RowsQuarantined(predicted.set_aside, workspace.objects.location(predicted.quarantine.name), predicted.reasons))
    rows, why = joined.clean.rows, "; ".join(each.reason for each in predicted.reasons)
    aside = rows.quarantined + predicted.set_aside
    enforce_budget(project.main, aside, rows.rows_in, project.contract.quarantine_budget, f"preprocessing: {why}")


def score_rows(workspace: Workspace, scorer: "Scorer", joined: Joined, beside: Mapping[str, str]) -> Iterator[pa.Table]:
    """Predictions of joined rows, beside columns of theirs: at once where `prepare` must see all, else in pieces."""
    objects, whole = workspace.objects, scorer.code["prepare"] is not None
    history = scorer.history_frame(read_table(objects, joined.history) if joined.history else None)
    batches = iter([read_table(objects, joined.rows)]) if whole else read_batches(objects, joined.rows)
    return (scorer.score(batch, history, beside) for batch in _counted(batches, joined.rows.rows))


def _counted(batches: Iterator[pa.Table], total: int) -> Iterator[pa.Table]:
    """The batches, announcing how many rows are scored before each."""
    done = 0
    for batch in batches:
        advance(done, total, "rows")
        yield batch
        done += batch.num_rows
    advance(done, total, "rows")
