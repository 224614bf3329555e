"""Checks for required columns."""

import difflib
from collections.abc import Iterable, Sequence

from tierra.data.row_numbers import ROW_NUMBER
from tierra.errors import DataRejected


def require_columns(where: str, names: Iterable[str], available: Iterable[str]) -> None:
    """Raise DataRejected for the first column that is missing, with those that are available."""
    known = [name for name in available if name != ROW_NUMBER]
    if missing := next((name for name in names if name not in known), None):
        raise DataRejected(
            "column-missing",
            f"{where}: no column {missing!r} (available: {', '.join(map(str, known))}{suggest(missing, known)})",
        )


def suggest(name: str, available: Iterable[str]) -> str:
    """The name that was probably meant, as the end of a sentence; empty when none is near."""
    near = difflib.get_close_matches(name, list(map(str, available)), 1)
    return f"; did you mean '{near[0]}'?" if near else ""


def require_names(where: str, chosen: Sequence[str], available: Sequence[str]) -> None:
    """Raise DataRejected when a column to read has no name, or shares it with another."""
    if "" in chosen:
        raise DataRejected("column-names", f"{where}: column {available.index('') + 1} has no name")
    if twice := next((name for name in chosen if available.count(name) > 1), None):
        raise DataRejected("column-names", f"{where}: {available.count(twice)} columns are called '{twice}'")
