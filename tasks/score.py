"""Scoring a partition and publishing it, exactly once."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from tasks.features import Joined
from tasks.station import station
from tasks.validate import Checked
from tierra.data.partitions import ALL
from tierra.errors import Broken, DataRejected
from tierra.journal import note
from tierra.model.release import Champion
from tierra.outcomes import PartitionScored
from tierra.project import Project
from tierra.store.predictions import Manifest
from tierra.store.refs import TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from tierra.model.scoring import Scorer


class Work(BaseModel):
    """A partition to look at, and what may be done with it."""

    model_config = ConfigDict(frozen=True)

    partition: str
    generation: int = 0
    within_lookback: bool = True
    rescore: bool = False

    @property
    def day(self) -> date | None:
        """The partition's date; None for a project that has no partitions."""
        return None if self.partition == ALL else date.fromisoformat(self.partition)


class Predicted(BaseModel):
    """Predictions that are written but not published."""

    model_config = ConfigDict(frozen=True)

    part: TableRef
    unseen: dict[str, int]
    histogram: tuple[int, ...]


@station
def find_champion(project: Project) -> Champion:
    """The model that serves. Raises NoChampion before the first."""
    from tierra.serving import find_champion as find

    champion = find(open_workspace(), project)
    note(champion=f"version {champion.version}, {champion.candidate}")
    return champion


@station
def find_work(project: Project, partition: str | None, rescore: bool) -> list[Work]:
    """The partition asked for; without one, all that is due and all that may be stale."""
    from tierra.store.predictions import generations

    workspace = open_workspace()
    published = generations(workspace.sink(project), project.dataset)
    if not project.source.partition_by:
        return [Work(partition=ALL, generation=published.get(ALL, 0), rescore=rescore)]
    if partition:
        return [_asked_for(project, partition, published, rescore)]
    work = [*_due(project, published), *_to_watch(project, published, rescore)]
    note(due=len([each for each in work if not each.generation]))
    return work


@station
def predict_partition(project: Project, champion: Champion, joined: Joined) -> Predicted:
    """Score the joined rows batch by batch with the champion, its code and its recipe."""
    from tierra.store.memo import all_intact, remember

    sink = open_workspace().sink(project)
    inputs = [joined.digest, champion.release.model_sha256, scoring_digest(project, champion), project.score]
    predicted = remember(
        open_workspace().objects,
        "predict",
        inputs,
        Predicted,
        lambda: _predict(project, champion, joined),
        lambda made: all_intact(sink, [made.part]),
    )
    note(rows=predicted.part.rows, unseen=predicted.unseen)
    return predicted


@station
def publish_partition(
    project: Project, champion: Champion, work: Work, checked: Checked, joined: Joined, predicted: Predicted
) -> PartitionScored:
    """Make the predictions visible at once, with one put-if-absent of the manifest."""
    from tierra.store.predictions import manifest_name, publish

    workspace = open_workspace()
    manifest = Manifest(
        dataset=project.dataset,
        partition=work.partition,
        inputs=joined.digest,
        model=champion.release.model_sha256,
        scoring=scoring_digest(project, champion),
        model_version=champion.version,
        rows_in=checked.rows_in,
        rows_scored=predicted.part.rows,
        rows_quarantined=checked.quarantined,
        parts=(predicted.part,),
        quarantine=(checked.quarantine,) if checked.quarantine else (),
        published_at=datetime.now().astimezone().isoformat(timespec="seconds"),
    )
    _check_count(manifest)
    done, first = publish(workspace.sink(project), manifest, work.generation)
    where = workspace.sink(project).location(manifest_name(done.dataset, done.partition, done.generation))
    note(partition=work.partition, generation=done.generation)
    if not first:
        return _as_scored(done, where, "AlreadyPublished", False)
    return _as_scored(done, where, "Published", bool(work.generation) and not work.rescore).model_copy(
        update={"unseen": predicted.unseen, "histogram": predicted.histogram}
    )


def next_step(work: Work, published: Manifest | None, joined: Joined) -> Literal["publish", "already", "report"]:
    """What to do with a partition: publish it, leave it, or report that it changed too long ago."""
    if published is None or work.rescore:
        return "publish"
    if published.inputs == joined.digest:
        return "already"
    return "publish" if work.within_lookback else "report"


def left_alone(project: Project, published: Manifest, step: Literal["already", "report"]) -> PartitionScored:
    """The outcome of a partition that stays as it is."""
    from tierra.store.predictions import manifest_name

    name = manifest_name(published.dataset, published.partition, published.generation)
    where = open_workspace().sink(project).location(name)
    return _as_scored(published, where, "Stale" if step == "report" else "AlreadyPublished", step == "report")


def rejected(work: Work, error: DataRejected) -> PartitionScored:
    """The outcome of a partition whose data broke its contract: nothing published, and why."""
    return PartitionScored(
        partition=work.partition, outcome="Rejected", generation=work.generation, code=error.code, reason=error.what
    )


def published_manifest(project: Project, work: Work) -> Manifest | None:
    """What is published for the partition."""
    from tierra.store.predictions import read_manifest

    return read_manifest(open_workspace().sink(project), project.dataset, work.partition)


def scoring_digest(project: Project, champion: Champion) -> str:
    """Digest of the code and the recipe that score."""
    from tierra.store.memo import digest

    return digest([champion.release.code, champion.release.project_file, project.score.columns])[:32]


def _predict(project: Project, champion: Champion, joined: Joined) -> Predicted:
    from tierra.serving import open_scorer
    from tierra.store.tables import read_batches, read_table, write_batches

    workspace = open_workspace()
    scorer = open_scorer(workspace, project, champion)
    if scorer.code["prepare"]:
        batches = iter([read_table(workspace.objects, joined.rows)])
    else:
        batches = read_batches(workspace.objects, joined.rows)
    scored = _score(project, scorer, joined, batches)
    part = write_batches(workspace.sink(project), f"{project.dataset}/parts/", scored)
    return Predicted(part=part, unseen=dict(scorer.unseen), histogram=tuple(int(count) for count in scorer.histogram))


def _score(project: Project, scorer: "Scorer", joined: Joined, batches: "Iterator[pa.Table]") -> "Iterator[pa.Table]":
    from tierra.data.snapshot import key_of
    from tierra.store.tables import read_table

    objects, history = open_workspace().objects, None
    if joined.history:
        history = scorer.history_frame(read_table(objects, joined.history))
    for batch in batches:
        yield scorer.score(batch, history, key_of(project.source))


def _asked_for(project: Project, partition: str, published: dict[str, int], rescore: bool) -> Work:
    from tierra.data.partitions import check_ready, due_window, only, parse_partition, today
    from tierra.data.sources import open_source

    settings = open_workspace().settings
    day = parse_partition(partition)
    rows = open_source(project.main, project.source, project.folder, settings).days(only(day)).get(day, 0)
    check_ready(project.project, day, rows, project.score.ready)
    window = due_window(project.score, today(settings.now(), project.schedule.timezone))
    inside = bool(window.start and window.end and window.start <= day < window.end)
    return Work(partition=partition, generation=published.get(partition, 0), within_lookback=inside, rescore=rescore)


def _due(project: Project, published: dict[str, int]) -> list[Work]:
    from tierra.data.partitions import due_days, due_window, today
    from tierra.data.sources import open_source

    settings = open_workspace().settings
    window = due_window(project.score, today(settings.now(), project.schedule.timezone))
    days = open_source(project.main, project.source, project.folder, settings).days(window)
    return [Work(partition=day) for day in due_days(days, published, project.score.ready)]


def _to_watch(project: Project, published: dict[str, int], rescore: bool) -> list[Work]:
    """Published partitions recent enough to compare with the source again, while it holds them whole."""
    from tierra.data.partitions import due_days, due_window, today
    from tierra.data.sources import Window, open_source

    workspace = open_workspace()
    window = due_window(project.score, today(workspace.settings.now(), project.schedule.timezone))
    assert window.start
    assert window.end
    first = min(window.start, window.end - timedelta(project.score.watch))
    reader = open_source(project.main, project.source, project.folder, workspace.settings)
    there = due_days(reader.days(Window(first, window.end)), (), project.score.ready)
    recent = [(day, date.fromisoformat(day) >= window.start) for day in there if day in published]
    return [
        Work(partition=day, generation=published[day], within_lookback=inside, rescore=rescore and inside)
        for day, inside in recent
    ]


def _as_scored(
    manifest: Manifest, where: str, outcome: Literal["Published", "AlreadyPublished", "Stale"], stale: bool
) -> PartitionScored:
    return PartitionScored(
        partition=manifest.partition,
        outcome=outcome,
        rows_in=manifest.rows_in,
        rows_scored=manifest.rows_scored,
        rows_quarantined=manifest.rows_quarantined,
        model_version=manifest.model_version,
        generation=manifest.generation,
        manifest=where,
        inputs=manifest.inputs,
        stale=stale,
    )


def _check_count(manifest: Manifest) -> None:
    if manifest.rows_in != manifest.rows_scored + manifest.rows_quarantined:
        raise Broken("agreement-broken", f"{manifest.partition}: {manifest.rows_in:,} rows in, but not as many out")
