"""The names that a database can give to the columns of predictions, and to their table."""

from collections.abc import Iterable, Sequence

from tierra.errors import Misconfigured
from tierra.store.sql_tables import RESERVED_COLUMNS

LONGEST_BYTES = 63  # PostgreSQL cuts longer names, and two may become one
LONGEST_TABLE = 51  # the longest of our suffixes still fits behind it
# Columns that every table of PostgreSQL has, and names that a view of SQLite gives to no column.
HIDDEN = {"postgresql": ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"), "sqlite": ("true", "false")}


def check_columns(names: Sequence[str], dialect: str, where: str) -> None:
    """Raise Misconfigured when a database cannot keep these columns beside the sink's own."""
    for problem in _problems(names, dialect):
        raise Misconfigured("sink-columns", f"{where}: {problem}")


def check_table(name: str, schema: str | None, dialect: str) -> None:
    """Raise Misconfigured when a database keeps such names for itself, or they are too long for our suffixes."""
    if len(name) > LONGEST_TABLE:
        raise Misconfigured("sink-table", f"the table's name '{name}' has {len(name)} letters, at most {LONGEST_TABLE}")
    for word, prefix, owner in ((name, "sqlite_", "sqlite"), (schema or "", "pg_", "postgresql")):
        if word.startswith(prefix) and dialect == owner:
            raise Misconfigured("sink-table", f"'{word}': names with {prefix} are the database's own")


def _problems(names: Sequence[str], dialect: str) -> Iterable[str]:
    is_sqlite = dialect == "sqlite"
    taken = {_folded(name, is_sqlite): name for name in (*RESERVED_COLUMNS, *HIDDEN[dialect])}
    ours = set(taken)
    for name in names:
        folded = _folded(name, is_sqlite)
        if folded in ours:
            owner = "the sink" if folded in RESERVED_COLUMNS else "the database"
            yield f"{owner} needs the column name '{name}' itself"
        elif folded in taken:
            yield f"columns '{taken[folded]}' and '{name}' are one for the database"
        elif not name or "\0" in name or not _is_text(name):
            yield f"{name!r} cannot be the name of a column"
        elif not is_sqlite and len(name.encode()) > LONGEST_BYTES:
            yield f"the column name '{name}' has {len(name.encode())} bytes, at most {LONGEST_BYTES}"
        taken[folded] = name


def _folded(name: str, is_sqlite: bool) -> str:
    """As the database compares names: SQLite takes letters of ASCII for the same in any case."""
    return "".join(each.lower() if each.isascii() else each for each in name) if is_sqlite else name


def _is_text(name: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in name)
