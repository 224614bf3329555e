"""What to say of a file's texts when their types are found: which stay texts, and what would change it."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.csv_form import CsvForm
from tierra.data.csv_look import TOTAL, Look, add_to, as_yaml
from tierra.data.csv_source import MISSING
from tierra.data.spec import ColumnType
from tierra.data.spellings import NO_VALUE
from tierra.data.texts import HOLDS_MORE, infer_kind, parse_texts

NOTHING: Final = pa.array(NO_VALUE)
# What may stand for no value too, but in a column of texts they may as well be values.
PERHAPS: Final = pa.array(
    ["None", "none", "NONE", "ND", "na", "Na", "missing", "unknown", "nil", "NIL", "#VALUE!", "#REF!", "#DIV/0!"]
)
SHOWN: Final = 3


def advise(
    where: str, start: pa.Table, kinds: Mapping[str, ColumnType], form: CsvForm, look: Callable[[], Look]
) -> Iterator[str]:
    """A line for each thing that a person should know of these columns of texts and their types."""
    texts = [name for name, kind in kinds.items() if kind == "text"]
    if (total := _total(start)) and not form.skip_footer:
        yield f"{where}: the last row holds '{total}'; where it is none of the rows, {add_to(form, {'skip_footer': 1})}"
    for name in kinds:
        if name not in texts and (line := _few_unread(start.column(name), kinds[name], form)):
            yield f"{where}: column '{name}' {line}"
    if kept := [name for name in texts if _keeps_digits(start.column(name), form)]:
        yield (f"{where}: {_named(kept)} read as text, since a number would lose leading zeros, plus signs or digits;"
               " declare another type under `types` where that is right")  # fmt: skip
    if others := [name for name in texts if look().found and infer_kind(start.column(name), look().likely) != "text"]:
        yield f"{where}: {_named(others)} read as text{look().advice}"
    yield from _missing(where, start.select(texts), form, look)


def _total(start: pa.Table) -> str:
    """What the last row holds that says that it is a total; empty where nothing says so."""
    cells = [str(cell) for row in start.slice(max(len(start) - 1, 0)).to_pylist() for cell in row.values() if cell]
    return next((cell for cell in cells if re.match(TOTAL, cell)), "")


def _few_unread(values: pa.ChunkedArray, kind: ColumnType, form: CsvForm) -> str:
    lost = parse_texts(values, kind, form=form)[1]
    if not lost.any():
        return ""
    examples = pc.unique(values.take(pa.array(np.flatnonzero(lost)))).to_pylist()
    shown = ", ".join(f"'{each}'" for each in examples[:SHOWN])
    return (
        f"is read as {kind}, but for {int(lost.sum()):,} of {len(values) - values.null_count:,} cells, such as {shown}"
    )


def _keeps_digits(values: pa.ChunkedArray, form: CsvForm) -> bool:
    """Whether these texts are numbers, and more."""
    if not pc.any(pc.match_substring_regex(values, HOLDS_MORE + r"|^\s*-?\d{19,}\s*$")).as_py():
        return False
    return not parse_texts(values, "number", form=form)[1].any()


def _missing(where: str, texts: pa.Table, form: CsvForm, look: Callable[[], Look]) -> Iterator[str]:
    """Columns with cells that may stand for no value, and the line that says so."""
    found: dict[str, set[str]] = {}
    for name in texts.column_names:
        values = texts.column(name)
        distinct = pc.unique(values)
        signs = distinct.filter(pc.or_(pc.is_in(distinct, NOTHING), pc.is_in(distinct, PERHAPS)))
        rest = values.filter(pc.invert(pc.is_in(values, signs)))
        if len(signs) and infer_kind(rest, form) == "text":
            signs = signs.filter(pc.is_in(signs, NOTHING))
        if len(signs) and rest.null_count < len(rest):
            found[name] = set(signs.to_pylist())
    if found:
        listed = sorted(set().union(*found.values())) + _usual(look().text)
        shown = ", ".join(f"'{each}'" for each in listed[:SHOWN])
        yield (
            f"{where}: {_named(list(found))} read as text; where {shown} means that there is no value,"
            f" add `missing: [{', '.join(as_yaml(each) for each in listed)}]`"
        )


def _usual(text: str) -> list[str]:
    """The cells of a file's start that count as missing where nothing is stated."""
    cells = set(re.split(r"[\n\r,;\t|]", text))
    return [each for each in MISSING if each and each in cells]


def _named(columns: list[str]) -> str:
    many = len(columns) > 1
    shown = ", ".join(f"'{name}'" for name in columns[: 2 * SHOWN])
    more = f" and {len(columns) - 2 * SHOWN} more" if len(columns) > 2 * SHOWN else ""
    return f"{'columns' if many else 'column'} {shown}{more} {'are' if many else 'is'}"
