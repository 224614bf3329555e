"""Predicting the rows of any file in the first source's form: nothing is published, nothing is kept."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.columns import require_columns
from tierra.data.expectations import ROW_EXPECTATIONS
from tierra.data.partitions import ALL, history_window
from tierra.data.plain_columns import describe_infinite
from tierra.data.quarantine import find_reasons
from tierra.data.read_once import ReadOnce
from tierra.data.row_numbers import PUBLISHED_NUMBER, ROW_NUMBER
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import SourceReader
from tierra.data.spec import FileSource, Source
from tierra.data.window import EVERYTHING
from tierra.errors import DataRejected
from tierra.journal import at_station, track, warn
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import find_champion, open_scorer
from tierra.steps.features import join_partition
from tierra.steps.nightly_project import with_champion_recipe
from tierra.steps.publish import score_rows
from tierra.steps.pull import PartitionRows, open_table, pull_side_tables
from tierra.steps.validate import Checked, CleanTables, validate_partition, validate_tables
from tierra.store.local_objects import LocalObjects
from tierra.store.refs import TableRef
from tierra.store.tables import read_batches, read_table, write_table
from tierra.temporary import prefix
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.model.scoring import Scorer


@dataclass(frozen=True)
class FilePredicted:
    """The predictions of a file's rows, each with its row's number, and what stands in their way."""

    model_version: str
    rows: int
    predictions: pa.Table
    quarantined: dict[str, int]
    unseen: dict[str, int]


@dataclass(frozen=True)
class _Scoring:
    """The champion, the project with its recipe and the file as first source, and a store that goes with the run."""

    scratch: Workspace
    project: Project
    scorer: "Scorer"
    sides: CleanTables


def predict_file(workspace: Workspace, project: Project, file: Path) -> FilePredicted:
    """Predict a file's rows with the champion, held to what the contract says of a row, and joined as at night.

    Rows of a day are predicted together, with the history that the project's own source has of it; a file without
    days is one batch without history. Target and columns known later may be absent, and so may key and day.
    Raises DataRejected, NoChampion, or what opening the champion raises.
    """
    champion = find_champion(workspace, project)
    nightly = with_champion_recipe(workspace, project, champion)
    with tempfile.TemporaryDirectory(prefix=prefix()) as folder:
        scratch = replace(workspace, store=LocalObjects(Path(folder)))
        with at_station("pull"):
            sides = validate_tables(scratch, nightly, pull_side_tables(scratch, nightly))
            source, rows = _pull_file(scratch, nightly, champion, sides, file)
        spec = _for_any_rows(nightly, source)
        scorer = open_scorer(workspace, nightly, champion)
        known_key = tuple(name for name in scorer.recipe.key if name in rows.columns)
        scorer = replace(scorer, recipe=replace(scorer.recipe, key=known_key))
        scoring = _Scoring(scratch, spec, scorer, sides)
        with at_station("validate"):
            clean = validate_partition(scratch, spec, PartitionRows(partition=ALL, rows=rows)).rows
            _tell_of_quarantine(nightly, clean)
            _tell_of_infinite(scratch, nightly, clean.table)
        with at_station("predict"):
            groups = _with_history(scratch, nightly, _group(scratch, spec, scorer, clean.table))
            predictions = _predict(scoring, nightly, track(groups, "days"))
    aside = find_reasons(pa.concat_tables(scorer.set_aside)) if scorer.set_aside else ()
    quarantined = {each.reason: each.rows for each in (*clean.reasons, *aside)}
    return FilePredicted(champion.version, rows.rows, predictions, quarantined, dict(scorer.unseen))


def _tell_of_quarantine(nightly: Project, clean: Checked) -> None:
    """Warn of more rows without a prediction than a night may have. Raises DataRejected when they are all."""
    why, budget = "; ".join(each.reason for each in clean.reasons), nightly.contract.quarantine_budget
    if clean.quarantined == clean.rows_in:
        raise DataRejected("budget-exceeded", f"{nightly.main}: none of {clean.rows_in:,} rows is fit ({why})")
    if clean.quarantined > budget * clean.rows_in:
        warn(f"{clean.quarantined:,} of {clean.rows_in:,} rows are set aside; a night may have {budget:.1%}")


def _tell_of_infinite(scratch: Workspace, nightly: Project, rows: TableRef) -> None:
    """Warn of numbers that features take for gaps, as a training does."""
    counts = Counter[str]()
    for batch in read_batches(scratch.objects, rows):
        numbers = (name for name in batch.schema.names if pa.types.is_floating(batch.schema.field(name).type))
        counts.update({name: pc.sum(pc.is_inf(batch[name])).as_py() or 0 for name in numbers})
    for name, count in counts.items():
        if count:
            warn(describe_infinite(name, nightly.main, count))


def _for_any_rows(project: Project, source: FileSource) -> Project:
    """The project with a file as first source: how many rows it has, and how many are unfit, stops nothing."""
    contract, main = project.contract, project.main
    of_rows = [each for each in contract.expectations
               if each.type in ROW_EXPECTATIONS or each.table not in (None, main)]  # fmt: skip
    return project.model_copy(update={
        "sources": project.sources | {main: source.model_copy(update={"known_later": project.main_source.known_later})},
        "joins": tuple(join.model_copy(update={"max_orphans": 1.0}) for join in project.joins),
        "contract": contract.model_copy(update={"expectations": tuple(of_rows), "quarantine_budget": 1.0}),
    })  # fmt: skip


def _pull_file(
    scratch: Workspace, project: Project, champion: Champion, sides: CleanTables, file: Path
) -> tuple[FileSource, TableRef]:
    """The file as the project's first source, and its rows with their numbers."""
    source = as_file(project.main_source, file)
    reader = open_table(scratch, project, project.main, source)
    available = reader.columns()
    need = _needed(project, champion, sides)
    optional = {*project.withheld, *project.main_source.key, project.main_source.partition_by}
    optional |= set(project.score.keep) - set(champion.release.types)
    require_columns(reader.where, [name for name in need if name not in optional], available)
    chosen = tuple(name for name in need if name in available and name not in project.withheld)
    day = source.partition_by if source.partition_by in chosen else None
    types = {name: kind for name, kind in source.types.items() if name in chosen}
    bare = source.model_copy(update={"columns": chosen, "types": types, "partition_by": day})
    # Opened anew: a reader keeps to the types it was opened with.
    reader = open_table(scratch, project, project.main, bare)
    return bare, take_snapshot(scratch.objects, bare, reader, EVERYTHING, numbered=True)


def as_file(source: Source, file: Path) -> FileSource:
    """A file in the form of a source: the same columns and types, no key to be unique, no history of its own."""
    form = source if isinstance(source, FileSource) else FileSource(kind="file", path=str(file))
    alike = {"columns": source.columns, "types": source.types, "partition_by": source.partition_by}
    place = {"path": str(file.resolve()), "format": None, "http": None}
    return form.model_copy(update={**alike, **place, "key": (), "history": 0, "known_later": ()})


def _needed(project: Project, champion: Champion, sides: CleanTables) -> tuple[str, ...]:
    """The columns of the first source that the champion was trained with."""
    if project.main_source.columns:
        return project.main_source.columns
    joined = {join.joined_name(name) for join in project.joins for name in sides.tables[join.right].columns}
    # Versions before gave the number its published name.
    numbers = {ROW_NUMBER} if project.main_source.key else {ROW_NUMBER, PUBLISHED_NUMBER}
    return tuple(name for name in champion.release.types if name not in joined | numbers)


def _group(scratch: Workspace, project: Project, scorer: "Scorer", rows: TableRef) -> list[PartitionRows]:
    """The rows day by day where `prepare` sees days, those without a day last; else all at once."""
    column = project.main_source.partition_by
    if scorer.code["prepare"] is None or not column:
        return [PartitionRows(partition=ALL, rows=rows)]
    table = read_table(scratch.objects, rows)
    times = table.column(column)
    zoned = pa.types.is_timestamp(times.type) and times.type.tz
    days = (pc.local_timestamp(times) if zoned else times).cast(pa.date32(), safe=False)
    found = sorted(day for day in pc.unique(days).to_pylist() if day is not None)
    parts = {day.isoformat(): table.filter(pc.equal(days, day)) for day in found}
    parts |= {ALL: table.filter(pc.is_null(days))} if days.null_count else {}
    written = {name: write_table(scratch.objects, "snapshots/", part.schema, [part]) for name, part in parts.items()}
    return [PartitionRows(partition=name, rows=ref) for name, ref in written.items()]


def _with_history(scratch: Workspace, nightly: Project, groups: list[PartitionRows]) -> list[PartitionRows]:
    """The groups with the days before them, of the project's own source."""
    source, length = nightly.main_source, nightly.main_source.history
    if not (nightly.prepare and length):
        return groups
    days = [date.fromisoformat(each.partition) for each in groups if each.partition != ALL]
    reader = ReadOnce(partial(open_table, scratch, nightly, nightly.main), source,
                      [history_window(day, length) for day in days])  # fmt: skip
    filled = [each.model_copy(update={"history": _history(scratch, source, reader, each)}) for each in groups]
    if without := sum(each.rows.rows for each in filled if each.history is None):
        warn(f"{without:,} rows are predicted without history: they have no '{source.partition_by}', or source"
             f" {nightly.main} holds none of the {length} days before it")  # fmt: skip
    return filled


def _history(scratch: Workspace, source: Source, reader: SourceReader, group: PartitionRows) -> TableRef | None:
    if group.partition == ALL:
        return None
    window = history_window(date.fromisoformat(group.partition), source.history)
    try:
        return take_snapshot(scratch.objects, source, reader, window)
    except DataRejected as error:
        if error.code != "source-empty":
            raise
        return None


def _predict(scoring: _Scoring, nightly: Project, groups: Iterable[PartitionRows]) -> pa.Table:
    orphans: Counter[str] = Counter()
    made = pa.concat_tables([piece for group in groups for piece in _predict_group(scoring, group, orphans)])
    for join in nightly.joins:
        if orphans[join.right] > join.max_orphans * made.num_rows:
            warn(f"{orphans[join.right]:,} of {made.num_rows:,} rows have no match in {join.right} by"
                 f" {join.by}; a night may have {join.max_orphans:.1%}")  # fmt: skip
    return made.sort_by(ROW_NUMBER)


def _predict_group(scoring: _Scoring, group: PartitionRows, orphans: Counter[str]) -> Iterator[pa.Table]:
    """The predictions of one day's clean rows; counts those that a join finds no match for."""
    clean = validate_partition(scoring.scratch, scoring.project, group)
    joined = join_partition(scoring.scratch, scoring.project, clean, scoring.sides).joined
    orphans.update(joined.orphans)
    return score_rows(scoring.scratch, scoring.scorer, joined, {ROW_NUMBER: ROW_NUMBER})
