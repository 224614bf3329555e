"""The status as a page of Markdown, to be read in ten seconds: the worst first, then two tables."""

from tierra.report.filling import fill
from tierra.status.facts import Status
from tierra.status.table import COLUMNS, cells, needing, told

# Words, and no coloured signs: not every machine has the letters for them.
WORDS = {"red": "**RED**", "amber": "**AMBER**", "green": "green"}
# The UI leaves a page less than 600 pixels beside a column of its own: how it stands, then what it is made of.
FIRST = 4


def headline(status: Status) -> str:
    """The whole in one line."""
    return f"{WORDS[status.level].strip('*')}: {needing(status)}"


def write_page(status: Status) -> str:
    """The page."""
    names = [name for name, _ in COLUMNS]
    rows = [(WORDS[flow.level], cells(flow, status.moment)) for flow in status.flows]
    values = {"status": status, "headline": headline(status), "words": WORDS, "told": told(status), "rows": rows,
              "standing": names[:FIRST], "made": names[FIRST:], "first": FIRST}  # fmt: skip
    return fill("status.md", values)
