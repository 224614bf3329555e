"""Checks for required columns."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from tierra.data.csv_look import as_yaml
from tierra.data.row_numbers import ROW_NUMBER
from tierra.errors import DataRejected

COLUMNS_SHOWN = 20


def require_columns(where: str, names: Iterable[str], available: Iterable[str]) -> None:
    """Raise DataRejected for the columns that are missing, with those that are there beside the required ones."""
    needed, known = list(map(str, names)), [str(name) for name in available if name != ROW_NUMBER]
    if not set(needed) <= set(known):
        raise DataRejected("column-missing", f"{where}: {describe_missing(needed, known)}")


def describe_missing(needed: Sequence[str], known: Sequence[str]) -> str:
    """Which of the required columns are missing, what their names may be now, and what is there beside the others."""
    missing = [name for name in dict.fromkeys(needed) if name not in known]
    others = [name for name in known if name not in needed]
    others_are = "available" if len(set(needed)) == 1 else "also there"
    shown = f"{others_are}: {_listed(others)}" if others else "nothing new is there"
    return f"no column {_listed(map(repr, missing))}{_guess(missing, others)} ({shown})"


def _guess(missing: Sequence[str], others: Sequence[str]) -> str:
    """A question when something there has nearly the name of something missing."""
    plain = {name.casefold(): name for name in others}
    close = [plain[each] for name in missing for each in get_close_matches(name.casefold(), plain, 1)]
    return f"; did you mean {_listed(map(repr, dict.fromkeys(close)))}?" if close else ""


def _listed(names: Iterable[str]) -> str:
    """The names, or the first of many."""
    every = list(names)
    more = f" and {len(every) - COLUMNS_SHOWN} more" if len(every) > COLUMNS_SHOWN else ""
    return ", ".join(every[:COLUMNS_SHOWN]) + more


def require_names(where: str, chosen: Sequence[str], available: Sequence[str]) -> None:
    """Raise DataRejected when a column to read has no name, or shares it with another."""
    own = [name for name in available if name and available.count(name) == 1]
    listed = f"; add `columns: [{', '.join(map(as_yaml, own))}]`" if 1 < len(own) <= COLUMNS_SHOWN else ""
    if "" in chosen:
        raise DataRejected("column-names", f"{where}: column {available.index('') + 1} has no name{listed}")
    if twice := next((name for name in chosen if available.count(name) > 1), None):
        raise DataRejected("column-names", f"{where}: {available.count(twice)} columns are called '{twice}'{listed}")
