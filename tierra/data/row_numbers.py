"""The number of each row of a source without a key: what its predictions are joined back by.

It is no column of the data: `to_frame` leaves it out, and so do profiles, quarantine reasons and messages.
"""

from collections.abc import Iterable
from typing import Final

from tierra.data.spec import FileSource, Source
from tierra.errors import DataRejected

# In tables of ours, and in predictions.
ROW_NUMBER: Final = "row_number__"
PUBLISHED_NUMBER: Final = "row_number"


def has_row_numbers(source: Source) -> bool:
    """Whether rows are known by their place in the source: in a file without a key, 0 for its first row."""
    return isinstance(source, FileSource) and not source.key


def published_key(source: Source) -> dict[str, str]:
    """The names by which a row's predictions are joined back, and the columns they come from."""
    return {name: name for name in source.key} or {PUBLISHED_NUMBER: ROW_NUMBER}


def refuse_name(where: str, name: str, columns: Iterable[str]) -> None:
    """Raise DataRejected when the data has a column with the name of the row numbers."""
    if name in columns:
        raise DataRejected(
            "name-reserved", f"{where}: '{name}' is reserved for the row numbers of a source without `key`"
        )


def describe_unjoinable(name: str, source: Source) -> str:
    """Why predictions of this source cannot be joined back to its rows; empty when they can."""
    if source.key or has_row_numbers(source):
        return ""
    return (
        f"source {name}: rows of a database have no number of their own: predictions cannot be joined back to them"
        " without a key; declare `key`"
    )
