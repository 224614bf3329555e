"""Joining clean tables, building features, and splitting them."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks.run.station import station
from tierra.data.labels import Labels
from tierra.data.recipe import ROW, TARGET, UNIT, WEIGHT
from tierra.journal import note
from tierra.project.project import Project
from tierra.store.refs import TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    from tierra.data.joins import Joiner


class FeatureTable(BaseModel):
    """The joined rows, and their features with target, weight, row number and unit of the split beside them."""

    model_config = ConfigDict(frozen=True)

    joined: TableRef
    features: TableRef
    labels: Labels
    unlabelled: int


class Joined(BaseModel):
    """A partition's joined rows and history, and the digest of what scoring them reads."""

    model_config = ConfigDict(frozen=True)

    rows: TableRef
    history: TableRef | None
    digest: str


@station
def build_features(project: Project, tables: dict[str, TableRef]) -> FeatureTable:
    """Join, prepare day by day, and make features and target of every row."""
    from dataclasses import asdict

    from tierra.data.code import load_code
    from tierra.store.memo import remember

    objects, code = open_workspace().objects, load_code(project.folder, project.functions)
    inputs = [{name: ref.sha256 for name, ref in tables.items()}, project.joins, asdict(project.recipe), code.files]
    made = remember(objects, "features", inputs, FeatureTable, lambda: _build(project, tables))
    note(rows=made.features.rows, unlabelled=made.unlabelled, labels=made.labels.model_dump())
    return made


@station
def join_partition(project: Project, rows: TableRef, history: TableRef | None, sides: dict[str, TableRef]) -> Joined:
    """The partition's rows with every side table's columns, and the digest of them."""
    return join_rows(project, rows, history, sides)


def join_rows(project: Project, rows: TableRef, history: TableRef | None, sides: dict[str, TableRef]) -> Joined:
    """The memo of a partition's join."""
    from tierra.store.memo import remember

    objects = open_workspace().objects
    main = [rows.sha256, history.sha256 if history else ""]
    inputs = [*main, {name: ref.sha256 for name, ref in sides.items()}, project.joins, project.withheld]
    return remember(objects, "join", inputs, Joined, lambda: _join_partition(project, rows, history, sides))


def _build(project: Project, tables: dict[str, TableRef]) -> FeatureTable:
    import pandas as pd
    import pyarrow as pa

    from tierra.data.code import load_code
    from tierra.data.features import build_training_features, check_row_wise
    from tierra.data.frames import gaps_to_float, to_frame
    from tierra.data.joins import join_tables
    from tierra.data.split import unit_of
    from tierra.data.target import make_target, make_weight
    from tierra.store.tables import read_table, write_table

    objects, recipe = open_workspace().objects, project.recipe
    code = load_code(project.folder, project.functions)
    read = {name: read_table(objects, ref) for name, ref in tables.items()}
    joined = gaps_to_float(join_tables(read[project.main], read, project.joins))
    rows = to_frame(joined)
    target, labels = make_target(recipe, code, rows)
    check_row_wise(recipe, code, rows)
    built = build_training_features(recipe, code, rows)
    beside = {TARGET: target, UNIT: unit_of(rows, recipe), ROW: range(len(rows))}
    weight = make_weight(recipe, code, rows)
    beside |= {} if weight is None else {WEIGHT: weight}
    table = pa.Table.from_pandas(pd.concat([built, pd.DataFrame(beside)], axis="columns"), preserve_index=False)
    unchanged = not project.joins and joined.schema == read[project.main].schema
    return FeatureTable(
        joined=tables[project.main] if unchanged else write_table(objects, "snapshots/", joined.schema, [joined]),
        features=write_table(objects, "features/", table.schema, [table]),
        labels=labels,
        unlabelled=int(target.isna().sum()),
    )


def _join_partition(project: Project, rows: TableRef, history: TableRef | None, sides: dict[str, TableRef]) -> Joined:
    from tierra.data.joins import Joiner
    from tierra.store.memo import digest
    from tierra.store.tables import digest_rows, read_batches, read_table

    objects = open_workspace().objects
    tables = {name: read_table(objects, ref) for name, ref in sides.items()}
    joiner = Joiner(project.joins, tables)
    joined = _write_joined(project, joiner, rows)
    joiner.check()
    joined_history = _write_joined(project, Joiner(project.joins, tables), history) if history else None
    known = _known(project, joined_history.columns if joined_history else {})
    past = digest_rows(read_batches(objects, joined_history, known)) if joined_history else ""
    return Joined(
        rows=joined, history=joined_history, digest=digest([digest_rows(read_batches(objects, joined)), past])
    )


def _write_joined(project: Project, joiner: "Joiner", ref: TableRef) -> TableRef:
    from tierra.store.tables import read_batches, write_batches

    objects = open_workspace().objects
    if not project.joins:
        return ref
    return write_batches(objects, "snapshots/", (joiner.join(batch) for batch in read_batches(objects, ref)))


def _known(project: Project, columns: dict[str, str]) -> list[str]:
    """The columns whose change makes a partition stale: not the target, not what is known later."""
    return [name for name in columns if name not in project.withheld]
