"""Quarantine: rows that break the contract, and the reasons."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tierra.data.row_numbers import ROW_NUMBER

if TYPE_CHECKING:
    import pyarrow as pa

REASON = "reason"
EXAMPLES = 5
MOST_REASONS = 20


class QuarantineReason(BaseModel):
    """One reason for quarantine: its number of rows, and some of them as text."""

    model_config = ConfigDict(frozen=True)

    reason: str
    rows: int
    examples: tuple[dict[str, str], ...] = ()


def find_reasons(quarantine: "pa.Table") -> tuple[QuarantineReason, ...]:
    """The reasons of quarantined rows, the most frequent first; a row with two reasons counts for both."""
    positions: dict[str, list[int]] = {}
    for position, reasons in enumerate(quarantine.column(REASON).to_pylist()):
        for reason in reasons.split("; "):
            positions.setdefault(reason, []).append(position)
    ordered = sorted(positions.items(), key=lambda each: -len(each[1]))
    if rare := ordered[MOST_REASONS:]:  # such as cells that cannot be read, each with another text
        rows = sorted({row for _, found in rare for row in found})
        ordered = [*ordered[:MOST_REASONS], (f"{len(rare):,} other reasons", rows)]
    return tuple(
        QuarantineReason(reason=reason, rows=len(rows), examples=tuple(_texts(quarantine, rows[:EXAMPLES])))
        for reason, rows in ordered
    )


def _texts(quarantine: "pa.Table", positions: list[int]) -> Iterator[dict[str, str]]:
    data = [name for name in quarantine.column_names if name not in (REASON, ROW_NUMBER)]
    for row in quarantine.select(data).take(positions).to_pylist():
        yield {name: "" if value is None else str(value) for name, value in row.items()}
