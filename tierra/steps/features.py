"""Joining clean tables, and building features of them."""

from dataclasses import asdict

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.code import load_code
from tierra.data.features import check_batch_size, check_row_wise, learn_features, prepare_training_rows
from tierra.data.frames import to_frame
from tierra.data.joins import Joiner
from tierra.data.labels import Labels
from tierra.data.recipe import ROW, TARGET, UNIT, WEIGHT
from tierra.data.repeatable import check_repeatable
from tierra.data.split import unit_of
from tierra.data.target import make_target, make_weight
from tierra.facts import FeaturesBuilt, TablesJoined
from tierra.journal import note, warn
from tierra.project.project import Project
from tierra.steps.pull import Snapshots
from tierra.steps.validate import CleanPartition, CleanTables
from tierra.store.memo import digest, has_its_objects, remember
from tierra.store.refs import TableRef
from tierra.store.tables import digest_rows, read_batches, read_table, write_batches, write_table
from tierra.workspace import Workspace


class FeatureTable(BaseModel):
    """The joined rows, and their features with target, weight, row number and unit of the split beside them."""

    model_config = ConfigDict(frozen=True)

    snapshots: Snapshots
    joined: TableRef
    features: TableRef
    labels: Labels
    content: tuple[str, ...]
    unlabelled: int
    orphans: dict[str, int] = {}


class Joined(BaseModel):
    """A partition's joined rows and history, and the digest of what scoring them reads."""

    model_config = ConfigDict(frozen=True)

    rows: TableRef
    history: TableRef | None
    digest: str
    orphans: dict[str, int] = {}


class JoinedPartition(BaseModel):
    """A partition ready to be scored, and what it was joined from."""

    model_config = ConfigDict(frozen=True)

    clean: CleanPartition
    joined: Joined


def build_features(
    workspace: Workspace,
    project: Project,
    clean: CleanTables,
    known: Labels | None = None,
    content: tuple[str, ...] = (),
) -> FeatureTable:
    """Join, prepare day by day, and make features and target of every row; the target in `known` labels.

    `content` are the columns by which the rows of a split without dates keep their side; all when not stated.
    """
    code = load_code(project.folder, project.functions)
    inputs = [clean.snapshots.digests, clean.digests, project.joins, asdict(project.recipe), code.files]
    table = remember(
        workspace.objects, __name__, inputs, FeatureTable, lambda: _build(workspace, project, clean, known, content),
        is_valid=lambda found: known in (None, found.labels) and content in ((), found.content)
        and has_its_objects(workspace.objects, found),
    )  # fmt: skip
    note(TablesJoined(table.orphans))
    note(FeaturesBuilt(table.unlabelled))
    for one, other in table.labels.nearly_alike:
        warn(f"classes '{one}' and '{other}' of {project.target} differ by spaces or capitals alone: write them alike")
    return table


def join_partition(
    workspace: Workspace, project: Project, clean: CleanPartition, sides: CleanTables
) -> JoinedPartition:
    """The partition's rows with every side table's columns, and the digest of them."""
    main = [clean.rows.table.sha256, clean.history.sha256 if clean.history else ""]
    inputs = [*main, sides.digests, project.joins, project.withheld]
    joined = remember(workspace.objects, __name__, inputs, Joined, lambda: _join(workspace, project, clean, sides))
    note(TablesJoined(joined.orphans))
    return JoinedPartition(clean=clean, joined=joined)


def _build(
    workspace: Workspace, project: Project, clean: CleanTables, known: Labels | None, content: tuple[str, ...]
) -> FeatureTable:
    objects, recipe = workspace.objects, project.recipe
    code = load_code(project.folder, project.functions)
    tables = {name: read_table(objects, ref) for name, ref in clean.tables.items()}
    main, joiner = tables[project.main], Joiner(project.joins, tables)
    joined = joiner.join_checked(main)
    rows = to_frame(joined)
    target, labels = make_target(recipe, code, rows, known)
    check_repeatable(recipe, code, rows)
    check_row_wise(recipe, code, rows)
    prepared = prepare_training_rows(recipe, code, rows)
    beside = {TARGET: target, UNIT: unit_of(rows, recipe, content, prepared), ROW: range(len(rows))}
    features = learn_features(recipe, code, prepared)
    check_batch_size(recipe, code, prepared, features)
    weight = make_weight(recipe, code, rows)
    beside |= {} if weight is None else {WEIGHT: weight}
    table = pa.Table.from_pandas(pd.concat([features, pd.DataFrame(beside)], axis="columns"), preserve_index=False)
    unchanged = not project.joins and joined.schema == main.schema
    return FeatureTable(
        snapshots=clean.snapshots,
        joined=clean.tables[project.main] if unchanged else write_table(objects, "snapshots/", joined.schema, [joined]),
        features=write_table(objects, "features/", table.schema, [table]),
        labels=labels,
        content=content or tuple(map(str, rows)),
        unlabelled=int(target.isna().sum()),
        orphans=joiner.orphans,
    )


def _join(workspace: Workspace, project: Project, clean: CleanPartition, sides: CleanTables) -> Joined:
    objects, joiner = workspace.objects, _joiner(workspace, project, sides)
    joiner = joiner.without(project.withheld)
    rows = _write_joined(workspace, joiner, clean.rows.table)
    joiner.check()
    history = _write_joined(workspace, joiner.without(()), clean.history) if clean.history else None
    # Of the history, a change of the target or of what is known later makes no partition stale.
    known = [name for name in history.columns if name not in project.withheld] if history else []
    past = digest_rows(read_batches(objects, history, known)) if history else ""
    both = digest([digest_rows(read_batches(objects, rows)), past])
    return Joined(rows=rows, history=history, digest=both, orphans=joiner.orphans)


def _joiner(workspace: Workspace, project: Project, sides: CleanTables) -> Joiner:
    """The project's joins; the side tables are read and indexed once a run."""

    def read() -> Joiner:
        return Joiner(project.joins, {name: read_table(workspace.objects, ref) for name, ref in sides.tables.items()})

    return workspace.once.get(("joins", digest([sides.digests, project.joins])), read).for_other_rows()


def _write_joined(workspace: Workspace, joiner: Joiner, ref: TableRef) -> TableRef:
    if joiner.is_empty:
        return ref
    batches = (joiner.join(batch) for batch in read_batches(workspace.objects, ref))
    return write_batches(workspace.objects, "snapshots/", batches)
