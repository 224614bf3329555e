"""A look at the beginning of a text file: how it is likely written, as lines for the project file."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from tierra.data.csv_form import CsvForm

LOOK: Final = 256 * 1024
ROWS: Final = 1000
SEPARATORS: Final = (",", ";", "\t", "|")
TAB: Final = "\t"
# Parts of a column's texts that must be of a form for the column to be.
MOST: Final = 0.9
LONGEST_FOOTER: Final = 5
# What people write beside the sums of a table's columns.
TOTAL: Final = r"(?i)^\s*(?:grand |sub)?(?:totale?s?|sums?|suma|summe|gesamt)\s*:?\s*$"
COMMA: Final = re.compile(
    r"^\s*(?:\S{1,3}\s?)?[-+]?(?:\d+|\d{1,3}(?:[.\s\u00a0\u202f']\d{3})+),\d+\s*(?:%|\S{1,3})?\s*$"
)
GROUPED: Final = re.compile(r"^\D*\d{1,3}(?:,\d{3})+\D*$")
# A point after a comma: the comma parts thousands, as in 1,234.5.
POINTED: Final = re.compile(r",\d{3}\.")
DATE: Final = re.compile(
    r"^\s*(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:(,?[ T]+)(\d{1,2}):\d{2}(:\d{2})?(\s?[AaPp][Mm])?)?\s*$"
)
NAMED_MONTH: Final = re.compile(r"^\s*\d{1,2}([ ./-])[A-Za-z]{3,9}\1(\d{4}|\d{2})\s*$")
MONTH_FIRST: Final = re.compile(r"^\s*[A-Za-z]{3,9}([ ./-])\d{1,2}(, |[ ./-])(\d{4}|\d{2})\s*$")
YEAR_FIRST: Final = re.compile(r"^\s*\d{4}[/-]")


@dataclass(frozen=True)
class Look:
    """What a file seems to be: how that differs from its stated form, and in words."""

    form: CsvForm
    found: dict[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    text: str = ""

    @property
    def likely(self) -> CsvForm:
        """The form that it seems to have."""
        return self.form.model_copy(update=self.found)

    @property
    def advice(self) -> str:
        """The line to add to the source; empty when the file seems to be written as stated."""
        if not self.found:
            return ""
        return f"; it seems written with {_listed(self.words)}: {add_to(self.form, self.found)}"


def add_to(form: CsvForm, found: dict[str, Any]) -> str:
    """The line that says how a file is written, what is stated of it already included."""
    stated = {name: getattr(form, name) for name in form.model_fields_set}
    inside = ", ".join(f"{name}: {as_yaml(value)}" for name, value in (stated | found).items())
    return f"add `csv: {{{inside}}}` to the source"


def look_at(data: bytes, form: CsvForm, no_utf8: bool = False, end: bytes = b"") -> Look:
    """How a file that begins and ends with these bytes differs from its form; `no_utf8` when it is known to be none."""
    encoding = find_encoding(data, form) or (_legacy(data, form) if no_utf8 else None)
    text = data.decode(encoding or form.encoding, errors="ignore")
    separator = find_separator(text, form)
    written = _rows(text, separator or form.separator, form)
    above = find_header(written)
    rows = _even(written[above:])
    below = find_footer(end.decode(encoding or form.encoding, errors="ignore"), rows, separator or form.separator, form)
    columns = list(zip(*rows[1:], strict=True))
    decimal, dates = find_decimal(columns, form), find_dates(columns, form)
    found: dict[str, Any] = {"separator": separator, "encoding": encoding, "decimal": decimal, "dates": dates}
    found |= {"skip_rows": above and form.skip_rows + above, "skip_footer": below and form.skip_footer + below}
    words = [
        f"{'tabs' if separator == TAB else as_yaml(separator)} between cells" if separator else "",
        f"the encoding {encoding}" if encoding else "",
        "decimal commas" if decimal else "",
        f"dates as {' and '.join(each for each in dates if each not in form.dates)}" if dates else "",
        f"{_lines(above)} above its columns' names" if above else "",
        f"{_lines(below)} below its rows" if below else "",
    ]
    return Look(form, {name: value for name, value in found.items() if value}, tuple(filter(None, words)), text)


def find_encoding(data: bytes, form: CsvForm) -> str | None:
    """The likely encoding of bytes that are not in the stated one."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16" if form.encoding != "utf-16" else None
    zeros = [data[place::2].count(0) for place in (0, 1)]
    if form.encoding == "utf-8" and max(zeros) > len(data) / 5:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    try:
        codecs.getincrementaldecoder(form.encoding)().decode(data)
    except UnicodeDecodeError:
        return _legacy(data, form)
    return None


def _legacy(data: bytes, form: CsvForm) -> str:
    """Windows' own encoding, or the one before it, in which every byte is a letter."""
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252" if form.encoding != "cp1252" else "latin-1"


def find_separator(text: str, form: CsvForm) -> str | None:
    """The separator that gives every line the same number of cells, where the stated one does not part them."""
    counts = {each: _steady(text, each, form) for each in (form.separator, *SEPARATORS)}
    best = max(counts, key=lambda each: counts[each])
    return best if counts[best] > max(counts[form.separator], 1) else None


def find_decimal(columns: Sequence[Sequence[str]], form: CsvForm) -> str | None:
    """A comma, where columns of numbers are written with one."""
    if form.decimal:
        return None
    return "," if any(_has_commas([cell for cell in cells if cell.strip()]) for cells in columns) else None


def find_dates(columns: Sequence[Sequence[str]], form: CsvForm) -> tuple[str, ...]:
    """How columns of dates are written that are not year first; the day first where nothing tells."""
    found = [spelt for cells in columns if (spelt := _date_form([cell for cell in cells if cell.strip()]))]
    return tuple(dict.fromkeys([*form.dates, *found])) if set(found) - set(form.dates) else ()


def find_header(rows: Sequence[Sequence[str]]) -> int:
    """How many rows stand above that of the columns' names: the first that is as long as most, and not mostly empty."""
    size, _ = Counter(len(row) for row in rows if row).most_common(1)[0] if any(rows) else (0, 0)
    named = (place for place, row in enumerate(rows) if len(row) == size and 2 * sum(map(bool, row)) >= size)
    return next(named, 0)


def find_footer(end: str, rows: Sequence[Sequence[str]], separator: str, form: CsvForm) -> int:
    """How many of a file's last lines have other numbers of cells than its rows; none where it seems cut off."""
    last = [row for row in _cells(end.splitlines(), separator, form) if row]
    places = (place for place, row in enumerate(reversed(last)) if rows and len(row) == len(rows[0]))
    below = next(places, 0)
    is_whole = end.endswith(("\n", "\r")) or any(re.match(TOTAL, cell) for row in last[-1:] for cell in row)
    return below if is_whole and below <= LONGEST_FOOTER else 0


def _date_form(cells: Sequence[str]) -> str | None:
    """How those of these dates are written that are not year first; None when most are no dates."""
    cells = [cell for cell in cells if not YEAR_FIRST.match(cell)]
    if cells and all(named := [NAMED_MONTH.match(cell) for cell in cells]) and named[0]:
        return f"%d{named[0][1]}%b{named[0][1]}%{'Y' if len(named[0][2]) == 4 else 'y'}"
    if cells and all(named := [MONTH_FIRST.match(cell) for cell in cells]) and named[0]:
        return f"%b{named[0][1]}%d{named[0][2]}%{'Y' if len(named[0][3]) == 4 else 'y'}"
    matches = [found for cell in cells if (found := DATE.match(cell))]
    if not matches or len(matches) < MOST * len(cells):
        return None
    first, second = (max(int(found[group]) for found in matches) for group in (1, 3))
    sign, year = matches[0][2], "%Y" if len(matches[0][4]) == 4 else "%y"
    day = f"%m{sign}%d{sign}{year}" if second > 12 >= first else f"%d{sign}%m{sign}{year}"
    timed = next((found for found in matches if found[6]), None)
    return day + _time_form(timed) if timed else day


def _time_form(timed: re.Match[str]) -> str:
    seconds = ":%S" if timed[7] else ""
    if not timed[8]:
        return f"{timed[5]}%H:%M{seconds}"
    return f"{timed[5]}%I:%M{seconds}{' ' if timed[8][0].isspace() else ''}%p"


def _has_commas(cells: Sequence[str]) -> bool:
    """Whether these are numbers with decimal commas, and not all of them grouped by thousands."""
    numbers = [cell for cell in cells if COMMA.match(cell) and not POINTED.search(cell)]
    plain = sum(bool(re.fullmatch(r"\s*-?\d+\s*", cell)) for cell in cells)
    return bool(numbers) and len(numbers) + plain >= MOST * len(cells) and not all(map(GROUPED.match, numbers))


def _steady(text: str, separator: str, form: CsvForm) -> int:
    """How many cells a line has, when nearly all have as many; 0 when they do not."""
    sizes = Counter(len(row) for row in _rows(text, separator, form) if row)
    if not sizes:
        return 0
    size, count = sizes.most_common(1)[0]
    return size if count >= MOST * sizes.total() else 0


def _rows(text: str, separator: str, form: CsvForm) -> list[list[str]]:
    lines = text.splitlines(keepends=True)
    whole = (lines[:-1] if len(text) >= LOOK / 4 and len(lines) > 1 else lines)[form.skip_rows :]
    return _cells(whole[:ROWS], separator, form)


def _cells(lines: Sequence[str], separator: str, form: CsvForm) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=separator, quotechar=form.quote))
    except csv.Error:
        return []


def _even(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """The rows as long as the first."""
    return [row for row in rows if len(row) == len(rows[0]) > 0]


def _lines(count: int) -> str:
    return f"{count} line{'s' if count > 1 else ''}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def as_yaml(value: Any) -> str:
    """A value of a project file as YAML within braces."""
    if isinstance(value, tuple) and len(value) == 1:
        return as_yaml(value[0])
    if isinstance(value, tuple):
        return f"[{', '.join(map(as_yaml, value))}]"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if value == TAB:
        return "tab"
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]+", value) and yaml.safe_load(value) == value
    return str(value) if is_plain else "'" + str(value).replace("'", "''") + "'"
