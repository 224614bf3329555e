"""One side of a comparison: a published generation, or the training set of a champion."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from tierra.data.frames import to_frame
from tierra.data.joins import Joiner
from tierra.data.labels import Labels
from tierra.data.partitions import ALL, parse_partition
from tierra.data.target import make_target
from tierra.errors import Broken, InvalidCall, Misconfigured, TierraError
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import (
    champion_features,
    champion_model,
    champion_project,
    champion_recipe,
    serving_code,
)
from tierra.steps.replay import Scorable, find_manifest, find_publisher, open_champion, rows_of, score_again
from tierra.store.manifest import Manifest
from tierra.store.predictions import read_published
from tierra.store.refs import TableRef
from tierra.store.tables import read_table
from tierra.workspace import Workspace

PUBLISHED = re.compile(r"(?P<partition>all|\d{4}-\d{2}-\d{2})(@(?P<generation>[1-9]\d{0,5}))?")
TRAINING = re.compile(r"v(?P<version>.+)")


class Side(BaseModel):
    """What a page says of one side; `means` are those of its published predictions."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    model_version: str
    candidate: str
    threshold: float | None = None
    means: dict[str, float] = {}
    facts: dict[str, str] = {}


class Label(BaseModel):
    """The share of a class before and after; of numbers their mean and median."""

    model_config = ConfigDict(frozen=True)

    name: str
    before: float
    after: float = 0.0


@dataclass(frozen=True)
class Compared:
    """One side: its rows, None where they are not kept, and how a champion scores them."""

    side: Side
    key: tuple[str, ...]
    champion: Champion
    table: pa.Table | None
    score: Callable[[Champion], pa.Table]
    labels: Sequence[Label] = ()
    notes: Sequence[str] = ()


def open_compared(workspace: Workspace, project: Project, before: str, after: str) -> tuple[Compared, Compared]:
    """Both sides. Raises InvalidCall for what is neither, or for two of different kinds."""
    if bool(TRAINING.fullmatch(before)) != bool(TRAINING.fullmatch(after)):
        raise InvalidCall("compare-invalid", f"'{before}' and '{after}' are not of one kind")
    return _open(workspace, project, before), _open(workspace, project, after)


def _open(workspace: Workspace, project: Project, name: str) -> Compared:
    if training := TRAINING.fullmatch(name):
        return _training(workspace, project, name, training["version"])
    published = PUBLISHED.fullmatch(name)
    if published is None:
        raise InvalidCall("compare-invalid", f"'{name}' is neither a partition, a generation nor a training set")
    partition = published["partition"]
    partition = partition if partition == ALL else parse_partition(partition).isoformat()
    number = int(published["generation"]) if published["generation"] else None
    return _published(workspace, project, find_manifest(workspace, project, partition, number))


def _published(workspace: Workspace, project: Project, manifest: Manifest) -> Compared:
    champion = find_publisher(workspace, project, manifest)
    published = read_published(workspace.sink(project), manifest.partition, manifest.generation)
    name = f"{manifest.partition}@{manifest.generation}"
    side = Side(
        name=name, rows=published.num_rows, model_version=manifest.model_version, candidate=champion.candidate,
        threshold=_threshold(workspace, champion), means=dict(_means(published, champion.release.labels)),
        facts=_facts(manifest),
    )  # fmt: skip

    def score(by: Champion) -> pa.Table:
        scorable = Scorable(by, open_champion(workspace, project, by), {}, rows_of(project, manifest))
        return score_again(workspace, project, manifest, scorable)

    table, notes = None, []
    try:
        table = read_table(workspace.objects, rows_of(project, manifest).rows)
    except TierraError as error:
        if error.code not in ("replay-gone", "snapshot-missing"):
            raise
        notes.append(f"{name}: its rows are not kept, so neither they nor what moved the predictions can be compared.")
    return Compared(side, champion_recipe(workspace, champion).key, champion, table, score, notes=notes)


def _facts(manifest: Manifest) -> dict[str, str]:
    return {
        "published": manifest.published_at, "set aside": f"{manifest.rows_quarantined:,}",
        "rows digest": manifest.inputs, "model digest": manifest.model, "code and recipe": manifest.scoring,
        "restores": str(manifest.restores or ""),
    }  # fmt: skip


def _threshold(workspace: Workspace, champion: Champion) -> float | None:
    return getattr(champion_model(workspace, champion), "threshold", None)


def _means(published: pa.Table, labels: Labels) -> Iterator[tuple[str, float]]:
    """The means of what is published; of decisions only where they are 0 and 1."""
    for name in labels.columns:
        if name in published.column_names and not pa.types.is_string(published.schema.field(name).type):
            yield name, float(pc.mean(published.column(name)).as_py() or 0.0)


def _training(workspace: Workspace, project: Project, name: str, version: str) -> Compared:
    """The training set of a version: its sources as they were read, joined by its own recipe."""
    champion = _find_version(workspace, project, version)
    release, before = champion.release, champion_project(workspace, champion)
    tables = {source: _snapshot(workspace, name, source, digest) for source, digest in release.datasets.items()}
    table = Joiner(before.joins, tables).join(tables[before.main])
    side = Side(
        name=name, rows=table.num_rows, model_version=champion.version, candidate=champion.candidate,
        threshold=_threshold(workspace, champion), facts=_facts_of_training(champion),
    )  # fmt: skip

    def score(by: Champion) -> pa.Table:
        from tierra.model.artifact import predict
        from tierra.model.scoring import published_columns

        labels = by.release.labels
        features = champion_features(workspace, project, by, table)
        return pa.table(published_columns(predict(champion_model(workspace, by), features, labels), labels, None))

    key = champion_recipe(workspace, champion).key
    return Compared(side, key, champion, table, score, labels=tuple(_labels(workspace, project, champion, table)))


def _find_version(workspace: Workspace, project: Project, version: str) -> Champion:
    """The newest champion of a version; one that MLflow shows nowhere goes by its number."""
    for pointer in reversed(workspace.champions.history(project.name)):
        if version == (pointer.version or str(pointer.number)):
            return workspace.champions.of(pointer)
    raise InvalidCall("version-unknown", f"{project.name} never had a champion of version {version}")


def _snapshot(workspace: Workspace, name: str, source: str, sha256: str) -> pa.Table:
    """A source as it was read for a training. Raises Misconfigured when it is not kept."""
    ref = TableRef(name=f"snapshots/{sha256}.parquet", sha256=sha256, rows=0, columns={})
    try:
        return read_table(workspace.objects, ref)
    except Broken as error:
        if error.code != "snapshot-missing":
            raise
        raise Misconfigured("replay-gone", f"{name}: its source {source} is not kept: {error.what}") from None


def _facts_of_training(champion: Champion) -> dict[str, str]:
    release = champion.release
    data = {f"digest of {name}": digest for name, digest in release.datasets.items()}
    rows = {f"{name} rows": f"{rows:,}" for name, rows in release.rows.items()}
    metric = {release.metric: f"{release.metrics[release.metric]:.4f}"} if release.metric in release.metrics else {}
    made = {"features": f"{len(release.features):,}", "code and recipe": release.serving_digest}
    return {"appointed": champion.registered.isoformat(), **metric, **rows, **data, **made}


def _labels(workspace: Workspace, project: Project, champion: Champion, table: pa.Table) -> Iterator[Label]:
    """The shares of the classes, or the mean and the median of the numbers; rows without a label left out."""
    labels = champion.release.labels
    code, recipe = serving_code(workspace, project, champion), champion_recipe(workspace, champion)
    target = make_target(recipe, code, to_frame(table), labels)[0].dropna()
    if labels.task == "regression":
        yield Label(name="mean", before=float(target.mean()))
        yield Label(name="median", before=float(target.median()))
        return
    for number, name in enumerate(labels.classes):
        yield Label(name=name, before=float((target == number).mean()))
