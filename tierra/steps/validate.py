"""Holding tables to their contract; what breaks it is set aside with its reasons."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.contract import Findings, check_rows, check_table, enforce_contract, without_unread
from tierra.data.frames import UNREAD
from tierra.data.quarantine import QuarantineReason, find_reasons
from tierra.data.row_numbers import PUBLISHED_NUMBER, ROW_NUMBER
from tierra.data.spec import Contract, Expectation
from tierra.errors import DataRejected
from tierra.facts import RowsQuarantined
from tierra.journal import note, warn
from tierra.project.project import Project
from tierra.steps.pull import PartitionRows, Snapshots
from tierra.store.memo import remember
from tierra.store.refs import TableRef
from tierra.store.tables import read_batches, read_schema, write_table
from tierra.workspace import Workspace


class Checked(BaseModel):
    """A table that kept its contract, and the rows set aside on the way."""

    model_config = ConfigDict(frozen=True)

    table: TableRef
    quarantine: TableRef | None = None
    rows_in: int
    warnings: tuple[str, ...] = ()
    reasons: tuple[QuarantineReason, ...] = ()

    @property
    def quarantined(self) -> int:
        """How many rows were set aside."""
        return self.quarantine.rows if self.quarantine else 0


class CleanTables(BaseModel):
    """The clean rows of every table, and the snapshots they come from."""

    model_config = ConfigDict(frozen=True)

    tables: dict[str, TableRef]
    snapshots: Snapshots

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each clean table."""
        return {name: ref.sha256 for name, ref in self.tables.items()}


class CleanPartition(BaseModel):
    """A partition's clean rows and history, and what they were pulled as."""

    model_config = ConfigDict(frozen=True)

    pulled: PartitionRows
    rows: Checked
    history: TableRef | None


@dataclass(frozen=True)
class _Terms:
    """What one table is held to; where it is lenient, rows that break it are left out and nothing is refused."""

    table: str
    contract: Contract
    expectations: tuple[Expectation, ...]
    ignore: Sequence[str] = ()
    lenient: bool = False


def validate_tables(workspace: Workspace, project: Project, snapshots: Snapshots) -> CleanTables:
    """The clean rows of every table. Raises DataRejected when the contract is broken."""
    checked = {name: _checked(workspace, _terms(project, name), ref) for name, ref in snapshots.tables.items()}
    return CleanTables(tables={name: each.table for name, each in checked.items()}, snapshots=snapshots)


def validate_partition(workspace: Workspace, project: Project, pulled: PartitionRows) -> CleanPartition:
    """The partition's clean rows, and its history's. History is only cleaned, never refused."""
    rows = _checked(workspace, _terms(project, project.main, project.withheld), pulled.rows)
    lenient = project.contract.for_history()
    terms = _Terms(project.main, lenient, lenient.of(project.main, project.main), lenient=True)
    past = _checked(workspace, terms, pulled.history).table if pulled.history else None
    return CleanPartition(pulled=pulled, rows=rows, history=past)


def _terms(project: Project, name: str, ignore: Sequence[str] = ()) -> _Terms:
    return _Terms(name, project.contract, project.contract.of(name, project.main), ignore)


def _checked(workspace: Workspace, terms: _Terms, snapshot: TableRef) -> Checked:
    """The memo of one table's check."""
    if not terms.expectations and UNREAD not in snapshot.columns:
        return Checked(table=snapshot, rows_in=snapshot.rows)
    inputs = [snapshot.sha256, asdict(terms)]
    checked = remember(workspace.objects, __name__, inputs, Checked, lambda: _check(workspace, terms, snapshot))
    if checked.quarantine:
        location = workspace.objects.location(checked.quarantine.name)
        note(RowsQuarantined(checked.quarantined, location, checked.reasons))
    for line in checked.warnings:
        warn(line)
    return checked


def _check(workspace: Workspace, terms: _Terms, snapshot: TableRef) -> Checked:
    objects, findings = workspace.objects, Findings(terms.table, terms.expectations)
    bad = [check_rows(batch, findings, terms.ignore)[1] for batch in read_batches(objects, snapshot)]
    quarantine, reasons = (None, ()) if terms.lenient else keep_quarantined(workspace, bad)
    if not terms.lenient:
        check_table(read_batches(objects, snapshot), findings)
        _enforce(findings, terms.contract, reasons)
    clean = _clean(workspace, terms, snapshot) if findings.quarantined or UNREAD in snapshot.columns else snapshot
    warnings = tuple(f"{terms.table}: {line}" for line in findings.failures("warn"))
    return Checked(table=clean, quarantine=quarantine, rows_in=findings.rows, warnings=warnings, reasons=reasons)


def _clean(workspace: Workspace, terms: _Terms, snapshot: TableRef) -> TableRef:
    """The rows that are not set aside."""
    objects, findings = workspace.objects, Findings(terms.table, terms.expectations)
    good = (check_rows(batch, findings, terms.ignore)[0] for batch in read_batches(objects, snapshot))
    return write_table(objects, "snapshots/", without_unread(read_schema(objects, snapshot)), good)


def _enforce(findings: Findings, contract: Contract, reasons: Sequence[QuarantineReason]) -> None:
    """A page that says why a table is refused shows which rows, too."""
    try:
        enforce_contract(findings, contract)
    except DataRejected:
        if reasons:
            note(RowsQuarantined(0, "", reasons))
        raise


def keep_quarantined(
    workspace: Workspace, bad: Sequence[pa.Table]
) -> tuple[TableRef | None, tuple[QuarantineReason, ...]]:
    """Quarantined rows with their reasons, kept even when the run then stops."""
    table = pa.concat_tables(bad) if bad else None
    if table is None or not table.num_rows:
        return None, ()
    reasons = find_reasons(table)
    if PUBLISHED_NUMBER not in table.column_names:
        table = table.rename_columns([PUBLISHED_NUMBER if name == ROW_NUMBER else name for name in table.column_names])
    return write_table(workspace.objects, "quarantine/", table.schema, [table]), reasons
