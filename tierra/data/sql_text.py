"""The text of a query, as far as it must be read before a database does."""

import re

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
