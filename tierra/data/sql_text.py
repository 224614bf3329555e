"""What a project file says in SQL, as far as it must be read before a database does."""

import re

from tierra.data.spec import SqlSource
from tierra.errors import Misconfigured

LETTERS_SHOWN = 120

# Texts and names may hold what looks like the end of a statement or a comment.
TOKEN = re.compile(
    r"""
    (?P<ignored> \s+ | ; | --[^\n]* | /\*.*?\*/ )
    | '(?:[^']|'')*' | "(?:[^"]|"")*" | (?P<dollar>\$\w*\$).*?(?P=dollar) | [^\s;'"$/-]+ | .
    """,
    re.VERBOSE | re.DOTALL,
)


def one_statement(query: str) -> str:
    """The query without what may stand after its end: semicolons, comments and blanks.

    Whether it is one statement is for the database to judge.
    """
    end = 0
    for token in TOKEN.finditer(query):
        if not token["ignored"]:
            end = token.end()
    return query[:end]


def place_of(name: str, source: SqlSource) -> str:
    """Where a source's rows lie, in one line. Raises Misconfigured when its text holds what no database takes."""
    table = "".join(letter if letter.isprintable() else " " for letter in source.table or "")[:LETTERS_SHOWN]
    where = f"source {name} ({source.connection}{'.' + table if table else ''})"
    if "\0" in (source.table or source.query or ""):
        raise Misconfigured("query-failed", f"{where}: NUL in a name or a query")
    return where
