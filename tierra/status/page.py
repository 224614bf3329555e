"""The status as a page of Markdown: the worst first, then two tables."""

from tierra.report.filling import fill
from tierra.status.facts import Status
from tierra.status.morning import legend, project_parts
from tierra.status.table import COLUMNS, cells

# Words and no coloured signs, which not every machine can show.
LEVELS = {"red": "**RED**", "amber": "**AMBER**", "green": "green"}
# The UI leaves a page less than 600 pixels, so the columns are split over two tables.
FIRST_COLUMNS = 4
# Calendars of so many projects, the worst first: an artifact is read whole.
SHOWN = 20


def write_page(status: Status, receipts: str | None = None) -> str:
    """Render the page; `receipts` is the address where receipts are served."""
    names = [name for name, _ in COLUMNS]
    rows = [(LEVELS[flow.level], cells(flow, status.moment)) for flow in status.flows]
    values = {"status": status, "headline": status.sentence, "levels": LEVELS, "alerts": status.alerts, "rows": rows,
              "first_columns": names[:FIRST_COLUMNS], "other_columns": names[FIRST_COLUMNS:],
              "split": FIRST_COLUMNS, "receipts": (receipts or "").rstrip("/"), "legend": legend(status),
              "parts": project_parts(status)[:SHOWN]}  # fmt: skip
    return fill("status.md", values)
