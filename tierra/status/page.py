"""The status as a page of Markdown, to be read in ten seconds: the worst first, then the table."""

from tierra.report.filling import fill
from tierra.status.facts import Status
from tierra.status.table import COLUMNS, cells, needing, told

# Words, and no coloured signs: not every machine has the letters for them.
WORDS = {"red": "**RED**", "amber": "**AMBER**", "green": "green"}


def headline(status: Status) -> str:
    """The whole in one line."""
    return f"{WORDS[status.level].strip('*')}: {needing(status)}"


def write_page(status: Status) -> str:
    """The page."""
    rows = [[WORDS[flow.level], *cells(flow, status.moment)] for flow in status.flows]
    values = {"status": status, "headline": headline(status), "words": WORDS, "told": told(status),
              "names": ("", *(name for name, _ in COLUMNS)), "rows": rows}  # fmt: skip
    return fill("status.md", values)
