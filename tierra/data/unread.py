"""Texts as the types of their columns; cells that cannot be read become gaps, and are named beside their rows."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from tierra.data.csv_form import CsvForm
from tierra.data.frames import UNREAD
from tierra.data.spec import ColumnType
from tierra.data.texts import infer_kind, parse_texts
from tierra.errors import DataRejected

# Beyond this share of its texts a column is of another type, and no more one with mistakes in it.
OTHER_TYPE = 0.5
EXAMPLES = 1000
LONGEST = 60


@dataclass
class TypedTexts:
    """Makes values of the texts of one read, and counts those that are none."""

    where: str
    kinds: Mapping[str, ColumnType]
    zone: str
    form: CsvForm
    missing: Collection[str] = ()
    present: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def read(self, texts: pa.Table) -> pa.Table:
        """The rows as values; after the first cell that cannot be read, with the column that names them."""
        columns, cells = {}, [""] * texts.num_rows
        for name in texts.column_names:
            if not t.is_string(texts.schema.field(name).type):  # the row's number
                columns[name] = texts.column(name)
                continue
            columns[name], lost = parse_texts(texts.column(name), self.kinds[name], self.zone, self.form)
            lost &= ~_are_gaps(texts.column(name), self.missing) if lost.any() else lost
            self.present[name] += texts.num_rows - texts.column(name).null_count
            if lost.any():
                self._note(name, texts.column(name), np.flatnonzero(lost), cells)
        table = pa.table(columns)
        if not self.unread:
            return table
        return table.append_column(UNREAD, pa.array([each or None for each in cells], pa.string()))

    def require_types(self, hint: Callable[[], str]) -> None:
        """Raise DataRejected for the first column that is of another type than it should be."""
        for name, count in self.unread.items():
            if count > self.present[name] * OTHER_TYPE:
                texts = self.examples[name]
                now = infer_kind(pa.chunked_array([pa.array(texts, pa.string())]), self.form)
                raise DataRejected(
                    "column-type",
                    f"{self.where}: column '{name}' is {self.kinds[name]} by its declaration or its training,"
                    f" and {now} now, such as '{_short(texts[0])}'{hint()}",
                )

    def _note(self, name: str, texts: pa.ChunkedArray, rows: np.ndarray, cells: list[str]) -> None:
        self.unread[name] += len(rows)
        values = texts.take(pa.array(rows)).to_pylist()
        kept = self.examples.setdefault(name, [])
        kept.extend(values[: EXAMPLES - len(kept)])
        for row, value in zip(rows.tolist(), values, strict=True):
            cells[row] += f"{'; ' if cells[row] else ''}{name}: '{_short(value)}'"


def _are_gaps(texts: pa.ChunkedArray, missing: Collection[str]) -> np.ndarray:
    """Cells that mean no value, though they stand between quotes."""
    return pc.is_in(texts, pa.array(missing, pa.string())).to_numpy()


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
