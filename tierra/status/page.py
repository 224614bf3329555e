"""The status as a page of Markdown, to be read in ten seconds: the worst first, then the table."""

from tierra.report.filling import fill
from tierra.status.facts import Status
from tierra.status.table import cells, needing, told

# Words, and no coloured signs: not every machine has the letters for them.
WORDS = {"red": "**RED**", "amber": "**AMBER**", "green": "green"}
# Narrower than on a terminal: beside the page the UI shows its own column.
NAMES = ("", "flow", "last success", "last end", "next", "retries", "p50 / p95", "champion", "rows / set aside")


def headline(status: Status) -> str:
    """The whole in one line."""
    return f"{WORDS[status.level].strip('*')}: {needing(status)}"


def write_page(status: Status) -> str:
    """The page."""
    rows = [[WORDS[flow.level], *_row(cells(flow, status.moment))] for flow in status.flows]
    values = {"status": status, "headline": headline(status), "words": WORDS, "told": told(status),
              "names": NAMES, "rows": rows}  # fmt: skip
    return fill("status.md", values)


def _row(cells: list[str]) -> list[str]:
    *first, p50, p95, champion, rows, aside = cells
    return [*first, f"{p50} / {p95}" if p50 else "", champion, f"{rows} / {aside}" if rows else ""]
