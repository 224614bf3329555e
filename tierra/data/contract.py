"""The contract: which rows break it, and what happens to them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.columns import require_columns
from tierra.data.expectations import COLUMN_ARGUMENTS, ROW_EXPECTATIONS
from tierra.data.frames import UNREAD, to_frame
from tierra.data.quarantine import REASON
from tierra.data.spec import Contract, Expectation
from tierra.errors import DataRejected

CANNOT_READ = "cannot be read: "


@dataclass
class Findings:
    """The contract's result for one table: rows checked, and rows that fail each expectation."""

    table: str
    expectations: tuple[Expectation, ...]
    rows: int = 0
    failed: dict[int, int] = field(default_factory=dict)
    unread: int = 0
    unread_cell: str = ""
    quarantined: int = 0

    def failures(self, *on_fail: str) -> list[str]:
        """One line for each broken expectation of the given severities; cells that cannot be read are quarantined."""
        unread = [f"{self.unread:,} of {self.rows:,} rows have a cell that cannot be read, such as {self.unread_cell}"]
        return (unread if self.unread and "quarantine" in on_fail else []) + [
            f"{describe_expectation(self.expectations[index])}: {count:,} of {self.rows:,} rows fail"
            for index, count in sorted(self.failed.items())
            if self.expectations[index].on_fail in on_fail
        ]


def describe_expectation(expectation: Expectation) -> str:
    """The expectation in a few words."""
    about = ", ".join(
        f"{key}={_shown(value)}" for key, value in expectation.arguments.items() if key not in COLUMN_ARGUMENTS
    )
    words = [*expectation.columns, expectation.type.removeprefix("expect_"), *([f"({about})"] if about else [])]
    return " ".join(words)


def _shown(value: Any) -> str:
    shown = [str(each) if isinstance(each, date) else repr(each) for each in value] if isinstance(value, list) else []
    return f"[{', '.join(shown)}]" if shown else str(value)


def check_rows(batch: pa.Table, findings: Findings, ignore: Sequence[str] = ()) -> tuple[pa.Table, pa.Table]:
    """Split a batch into clean and quarantined rows, and count into `findings`.

    Quarantined rows carry their reasons, which for cells that could not be read are
    their values. Expectations on a column in `ignore` are skipped: when scoring, those
    columns are not known yet.
    """
    batch, reasons = _take_unread(batch)
    findings.unread += len(reasons)
    findings.unread_cell = findings.unread_cell or next(
        (first[0].removeprefix(CANNOT_READ) for first in reasons.values()), ""
    )
    chosen = [
        (index, each)
        for index, each in enumerate(findings.expectations)
        if each.type in ROW_EXPECTATIONS and not set(ignore) & set(each.columns)
    ]
    positions = _failing(batch, [each for _, each in chosen], findings.table)
    for (index, each), rows in zip(chosen, positions, strict=True):
        findings.failed[index] = findings.failed.get(index, 0) + len(rows)
        for row in rows if each.on_fail == "quarantine" else ():
            reasons.setdefault(int(row), []).append(describe_expectation(each))
    findings.failed = {index: count for index, count in findings.failed.items() if count}
    findings.rows += batch.num_rows
    findings.quarantined += len(reasons)
    return _separate(batch, reasons)


def check_table(batches: Iterable[pa.Table], findings: Findings) -> None:
    """Count rows and repeated values for the expectations about the whole table."""
    whole = [(index, each) for index, each in enumerate(findings.expectations) if each.type not in ROW_EXPECTATIONS]
    unique = {str(each.column): pa.chunked_array([], pa.null()) for _, each in whole if each.column}
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        unique = {name: _append_column(values, batch, name, findings.table) for name, values in unique.items()}
    for index, each in whole:
        failed = _count_repeated(unique[str(each.column)]) if each.column else _rows_outside(rows, each.arguments)
        if failed:
            findings.failed[index] = failed


def enforce_contract(findings: Findings, contract: Contract) -> None:
    """Raise DataRejected when an expectation that stops is broken or the budget exceeded."""
    if stopped := findings.failures("stop"):
        raise DataRejected("expectation-failed", f"{findings.table}: {'; '.join(stopped)}")
    why = "; ".join(findings.failures("quarantine"))
    enforce_budget(findings.table, findings.quarantined, findings.rows, contract.quarantine_budget, why)


def enforce_budget(table: str, aside: int, rows: int, budget: float, why: str) -> None:
    """Raise DataRejected when more rows are set aside than the budget allows."""
    share = aside / max(rows, 1)
    if share > budget:
        raise DataRejected(
            "budget-exceeded",
            f"{table}: {aside:,} of {rows:,} rows quarantined, {share:.2%}, budget {budget:.2%} ({why})",
        )


def without_unread(schema: pa.Schema) -> pa.Schema:
    """The schema without the column of cells that could not be read."""
    position = schema.get_field_index(UNREAD)
    return schema if position < 0 else schema.remove(position)


def _take_unread(batch: pa.Table) -> tuple[pa.Table, dict[int, list[str]]]:
    """The columns of the source, and the cells that could not be read, by row."""
    if UNREAD not in batch.column_names:
        return batch, {}
    cells = batch.column(UNREAD)
    rows = np.flatnonzero(cells.is_valid().to_numpy())
    unread = {int(row): [CANNOT_READ + cells[row].as_py().replace("; ", ", ")] for row in rows}
    return batch.drop_columns([UNREAD]), unread


def _failing(batch: pa.Table, expectations: list[Expectation], table: str) -> list[np.ndarray]:
    if not expectations:
        return []
    from tierra.data.gx_expectations import failing_rows

    needed = list(dict.fromkeys(column for each in expectations for column in each.columns))
    require_columns(f"{table}: contract", needed, batch.column_names)
    return failing_rows(to_frame(batch.select(needed)), expectations)


def _separate(batch: pa.Table, reasons: dict[int, list[str]]) -> tuple[pa.Table, pa.Table]:
    bad = np.zeros(batch.num_rows, bool)
    bad[list(reasons)] = True
    quarantine = batch.filter(pa.array(bad))
    why = pa.array(["; ".join(reasons[row]) for row in sorted(reasons)], pa.string())
    return batch.filter(pa.array(~bad)), quarantine.append_column(REASON, why)


def _append_column(values: pa.ChunkedArray, batch: pa.Table, name: str, table: str) -> pa.ChunkedArray:
    require_columns(f"{table}: contract", [name], batch.column_names)
    column = batch.column(name)
    return column if not len(values) else pa.chunked_array([*values.chunks, *column.chunks])


def _count_repeated(values: pa.ChunkedArray) -> int:
    present = pc.drop_null(values)
    return len(present) - len(pc.unique(present))


def _rows_outside(rows: int, arguments: dict[str, Any]) -> int:
    least, most = arguments.get("min_value") or 0, arguments.get("max_value")
    return max(rows, 1) if rows < least or (most is not None and rows > most) else 0
