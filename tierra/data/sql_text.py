"""The little that must be read of a source's SQL before a database gets it."""

import re
from typing import Final

from tierra.data.spec import ColumnType, SqlSource
from tierra.errors import Misconfigured

LETTERS_SHOWN = 120
# What a value that does not fit a column's type says of the type that it needs.
NEEDS: Final[tuple[tuple[ColumnType, re.Pattern[str], str], ...]] = (
    ("integer", re.compile(r"-?\d{19,}"), "; declare it text to keep its digits"),
    ("integer", re.compile(r"-?\d+\.\d+"), "; declare it number"),
    ("timestamp", re.compile(r"\d{4}-\d\d-\d\d[ T].*(Z|[+-]\d\d(:?\d\d)?)"), "; declare it timestamptz"),
)

# Texts and names may contain what looks like the end of a statement, or a comment.
TOKEN = re.compile(
    r"""
    (?P<ignored> \s+ | ; | --[^\n]* | /\*.*?\*/ )
    | '(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<dollar>\$\w*\$).*?(?P=dollar) | [^\s;'"$/-]+ | .
    """,
    re.VERBOSE | re.DOTALL,
)


def one_statement(query: str) -> str:
    """The query without semicolons, comments and blanks at its end.

    Whether it is one statement is left to the database.
    """
    end = 0
    for token in TOKEN.finditer(query):
        if not token["ignored"]:
            end = token.end()
    return query[:end]


def describe_source(name: str, source: SqlSource) -> str:
    """A source's name, connection and table in one line. Raises Misconfigured when its SQL holds a NUL."""
    table = printable(source.table or "")
    where = f"source {name} ({source.connection}{'.' + table if table else ''})"
    if "\0" in (source.table or source.query or ""):
        raise Misconfigured("query-failed", f"{where}: NUL in a name or a query")
    return where


def printable(text: str) -> str:
    """The start of a text from elsewhere, fit for a message of one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:LETTERS_SHOWN])


def describe_misfit(kind: ColumnType, example: str) -> str:
    """A value that does not fit its column's type, and what it needs where that is plain."""
    advice = next((said for need, form, said in NEEDS if need == kind and form.fullmatch(example)), "")
    return f"'{printable(example)}'{advice}"
