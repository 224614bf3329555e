"""Scoring a partition and publishing it, exactly once."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks.run.station import station
from tierra.data.partitions import Work
from tierra.errors import TierraError
from tierra.journal import advance, note, note_each
from tierra.model.evaluation import Histogram
from tierra.model.release import Champion
from tierra.outcomes import PartitionScored, scored_from
from tierra.project.project import Project
from tierra.steps.features import Joined
from tierra.steps.profile import note_beside_training, profile_of
from tierra.steps.pull import PartitionRows
from tierra.steps.validate import Checked
from tierra.store.predictions import Manifest
from tierra.store.refs import TableRef
from tierra.store.sinks import Sink
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import pyarrow as pa

Publish = Callable[[Project, Champion, Work, Checked, Joined, "Predicted"], PartitionScored]


class Predicted(BaseModel):
    """Predictions that are written but not published."""

    model_config = ConfigDict(frozen=True)

    part: TableRef
    unseen: dict[str, int]
    decided: dict[str, int] = {}
    scores: Histogram | None = None


@station
def find_champion(project: Project) -> Champion:
    """The model that serves. Raises NoChampion before the first."""
    from tierra.steps.champion import find_champion as find

    champion = find(open_workspace(), project)
    note(**{"model sha256": champion.release.model_sha256}, champion=champion)
    return champion


@station
def with_champion_recipe(project: Project, champion: Champion) -> Project:
    """Today's sources, contract, sink and schedule with the champion's features and joins."""
    from tierra.steps.champion import with_champion_recipe as combine

    return combine(open_workspace(), project, champion)


@station
def compare_partition(project: Project, champion: Champion, pulled: PartitionRows, partition: str) -> None:
    """Note how the partition's rows differ from those the champion was trained on."""
    profile = profile_of(f"{project.main} {partition}", pulled.rows, project.main_source.key)
    note_beside_training(profile, champion.release.profile, partition)


@station
def predict_partition(project: Project, champion: Champion, joined: Joined) -> Predicted:
    """Score the joined rows batch by batch with the champion, its code and its recipe."""
    from tierra.store.memo import remember
    from tierra.store.predictions import is_reusable

    inputs = [joined.digest, champion.release.model_sha256, champion.release.serving_digest, project.score]
    workspace = open_workspace()
    sink = workspace.sink(project)
    inputs += [sink.where, sink.dataset]
    predicted = remember(
        workspace.objects, "predict", inputs, Predicted, lambda: _predict(project, champion, joined),
        stands=lambda predicted: is_reusable(sink, predicted.part),
    )  # fmt: skip
    note(rows=predicted.part.rows, unseen=predicted.unseen)
    release = champion.release
    note(scores=predicted.scores, decided=predicted.decided)
    note(training_scores=release.scores, training_decided=release.decided)
    return predicted


@station
def publish_partition(
    project: Project, champion: Champion, work: Work, checked: Checked, joined: Joined, predicted: Predicted
) -> PartitionScored:
    """Make the predictions visible at once, with one put-if-absent of the manifest."""
    from tierra.store.predictions import publish

    manifest = _manifest(project, champion, work, checked, joined, predicted)
    sink = open_workspace().sink(project)
    _show_quarantine(sink, manifest)
    done, ending = publish(sink, manifest, work.generation)
    where = sink.location(done.partition, done.generation)
    if ending == "stood down":
        _note_difference(manifest, done)
        return scored_from(done, where, "AlreadyPublished")
    return scored_from(done, where, "Published", _is_stale(work), predicted.unseen)


@station
def preview_partition(
    project: Project, champion: Champion, work: Work, checked: Checked, joined: Joined, predicted: Predicted
) -> PartitionScored:
    """What publishing would make visible; nothing is published."""
    manifest = _manifest(project, champion, work, checked, joined, predicted)
    ours = manifest.model_copy(update={"generation": work.generation + 1})
    return scored_from(ours, "", "WouldPublish", _is_stale(work), predicted.unseen)


@station
def sweep_parts(project: Project) -> None:
    """Take away what killed and overtaken writers left a day ago. What was published stays so when that fails."""
    from tierra.store.sweeping import sweep

    try:
        note(swept=len(sweep(open_workspace().sink(project))))
    except TierraError as error:
        note_each(warning=f"parts that nobody needs could not be taken away: {error.what}")


def _manifest(
    project: Project, champion: Champion, work: Work, checked: Checked, joined: Joined, predicted: Predicted
) -> Manifest:
    return Manifest(
        dataset=project.dataset,
        partition=work.partition,
        inputs=joined.digest,
        model=champion.release.model_sha256,
        scoring=champion.release.serving_digest,
        model_version=champion.version,
        rows_in=checked.rows_in,
        rows_scored=predicted.part.rows,
        rows_quarantined=checked.quarantined,
        parts=(predicted.part,),
        quarantine=(checked.quarantine,) if checked.quarantine else (),
        writer=work.name,
        published_at=datetime.now().astimezone().isoformat(timespec="microseconds"),
    )


def _show_quarantine(sink: Sink, manifest: Manifest) -> None:
    from tierra.store.tables import read_batches

    for ref in manifest.quarantine:
        sink.keep_quarantine(ref, read_batches(open_workspace().objects, ref))


def _note_difference(ours: Manifest, theirs: Manifest) -> None:
    """Say so where another run was first and published other rows."""
    if not theirs.says_the_same(ours):
        said = f"another run published {theirs.partition} first, with model version {theirs.model_version}; this one's"
        note_each(warning=f"{said} predictions differ and were not published")


def _is_stale(work: Work) -> bool:
    """Whether what is published has changed since at the source, and is replaced for that."""
    return bool(work.generation) and not work.rescore


def _predict(project: Project, champion: Champion, joined: Joined) -> Predicted:
    from tierra.data.snapshot import key_of
    from tierra.steps.champion import open_scorer
    from tierra.store.tables import read_batches, read_table

    workspace = open_workspace()
    scorer = open_scorer(workspace, project, champion)
    history = scorer.history_frame(read_table(workspace.objects, joined.history) if joined.history else None)

    def batches() -> "Iterator[pa.Table]":
        """A whole partition where `prepare` must see it, else piece by piece."""
        if scorer.code["prepare"]:
            return iter([read_table(workspace.objects, joined.rows)])
        return read_batches(workspace.objects, joined.rows)

    key = key_of(project.main_source)
    scored = (scorer.score(batch, history, key) for batch in _counted(batches(), joined.rows.rows))
    part = workspace.sink(project).write_part(scored)
    return Predicted(
        part=part,
        unseen=dict(scorer.unseen),
        decided=dict(scorer.decided),
        scores=scorer.scores,
    )


def _counted(batches: "Iterator[pa.Table]", total: int) -> "Iterator[pa.Table]":
    """The batches, telling how many rows are scored when the next one is asked for."""
    done = 0
    for batch in batches:
        advance(done, total, "rows")
        yield batch
        done += batch.num_rows
    advance(done, total, "rows")
