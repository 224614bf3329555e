"""Holding tables to their contract; what breaks it is set aside with its reasons."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks.run.station import station
from tierra.data.quarantine import QuarantineReason, find_reasons
from tierra.data.spec import Contract
from tierra.errors import DataRejected
from tierra.journal import note, note_each
from tierra.project.project import Project
from tierra.steps.pull import PartitionRows
from tierra.store.refs import TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from tierra.data.contract import Findings


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


@station
def validate_tables(project: Project, snapshots: dict[str, TableRef]) -> dict[str, TableRef]:
    """The clean rows of every table. Raises DataRejected when the contract is broken."""
    checked = {name: _checked(project, name, snapshot) for name, snapshot in snapshots.items()}
    note(rows_in=checked[project.main].rows_in if project.main in checked else 0)
    note(quarantined=sum(each.quarantined for each in checked.values()))
    return {name: each.table for name, each in checked.items()}


@station
def validate_partition(project: Project, partition: PartitionRows) -> tuple[Checked, TableRef | None]:
    """The partition's clean rows, and its history's. History is only cleaned, never refused."""
    rows, history = check_partition(project, partition)
    note(rows_in=rows.rows_in, quarantined=rows.quarantined)
    return rows, history


def check_partition(project: Project, partition: PartitionRows) -> tuple[Checked, TableRef | None]:
    """The memo of a partition's check, and of its history's."""
    rows = _checked(project, project.main, partition.rows, project.withheld)
    history = _checked(project, project.main, partition.history, lenient=True).table if partition.history else None
    return rows, history


def _checked(
    project: Project, name: str, snapshot: TableRef, ignore: Sequence[str] = (), lenient: bool = False
) -> Checked:
    """The memo of one table's check."""
    from tierra.store.memo import remember

    objects, expectations = open_workspace().objects, project.contract.of(name, project.main)
    if not expectations:
        return Checked(table=snapshot, rows_in=snapshot.rows)
    checked = remember(
        objects,
        "validate",
        [name, snapshot.sha256, expectations, project.contract.quarantine_budget, ignore, lenient],
        Checked,
        lambda: _check(project, name, snapshot, ignore, lenient),
    )
    if checked.quarantine:
        note_each(quarantine=objects.location(checked.quarantine.name))
    for line in checked.warnings:
        note_each(warning=line)
    for reason in checked.reasons:
        note_each(quarantine_reasons=reason.model_dump())
    return checked


def _check(project: Project, name: str, snapshot: TableRef, ignore: Sequence[str], lenient: bool) -> Checked:
    from tierra.data.contract import Findings, check_rows, check_table
    from tierra.store.tables import read_batches, read_schema, write_table

    objects = open_workspace().objects
    contract = project.contract.for_history() if lenient else project.contract
    findings = Findings(name, contract.of(name, project.main))
    bad = [check_rows(batch, findings, ignore)[1] for batch in read_batches(objects, snapshot)]
    quarantine, reasons = (None, ()) if lenient else _keep(bad)
    if not lenient:
        check_table(read_batches(objects, snapshot), findings)
        _uphold(findings, contract, reasons)
    clean = snapshot
    if findings.quarantined:
        again = Findings(name, findings.expectations)
        good = (check_rows(batch, again, ignore)[0] for batch in read_batches(objects, snapshot))
        clean = write_table(objects, "snapshots/", read_schema(objects, snapshot), good)
    warnings = tuple(findings.failures("warn"))
    return Checked(table=clean, quarantine=quarantine, rows_in=findings.rows, warnings=warnings, reasons=reasons)


def _uphold(findings: "Findings", contract: Contract, reasons: Sequence[QuarantineReason]) -> None:
    """A page that says why a table is refused shows which rows, too."""
    from tierra.data.contract import enforce_contract

    try:
        enforce_contract(findings, contract)
    except DataRejected:
        for reason in reasons:
            note_each(quarantine_reasons=reason.model_dump())
        raise


def _keep(bad: "list[pa.Table]") -> tuple[TableRef | None, tuple[QuarantineReason, ...]]:
    """Quarantined rows with their reasons, kept even when the run then stops."""
    import pyarrow as pa

    from tierra.store.tables import write_table

    table = pa.concat_tables(bad)
    if not table.num_rows:
        return None, ()
    objects = open_workspace().objects
    return write_table(objects, "quarantine/", table.schema, [table]), find_reasons(table)
