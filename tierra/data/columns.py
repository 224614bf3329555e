"""Checks for required columns."""

from collections.abc import Iterable

from tierra.errors import DataRejected


def require_columns(where: str, names: Iterable[str], available: Iterable[str]) -> None:
    """Raise DataRejected for the first column that is missing, with those that are available."""
    known = list(available)
    if missing := next((name for name in names if name not in known), None):
        raise DataRejected(
            "column-missing", f"{where}: no column {missing!r} (available: {', '.join(map(str, known))})"
        )
