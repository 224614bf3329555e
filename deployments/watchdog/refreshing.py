"""The status page, written again and again by a process that has everything imported."""

import time
from datetime import UTC, datetime
from typing import Final

from loguru import logger

from tasks.server.messages import resend
from tasks.status import emit_attention, read_for_page, write_status
from tierra.report.index import NAME
from tierra.settings import Settings
from tierra.workspace import open_workspace

FIRST_PAGE_AFTER: Final = 30.0
# After a run has ended: not for each of many that end together.
AFTER_RUN: Final = 30.0


class StatusPage:
    """The page that is written again after a while, and soon after a run has ended."""

    def __init__(self, seconds: float) -> None:
        # Not at once: where all is started together, the first page would say that there is no worker.
        self._seconds, self._due = seconds, time.monotonic() + min(seconds, FIRST_PAGE_AFTER)
        self._written, self._newest = time.monotonic(), 0.0

    def refresh_when_due(self) -> None:
        """Write the page if it is time. A page that could not be written is tried again at the next time."""
        now = time.monotonic()
        if now < self._due and not (now - self._written >= AFTER_RUN and self._has_run_ended()):
            return
        self._due, self._written = now + self._seconds, now
        try:
            began, workspace = time.process_time(), open_workspace()
            self._newest = _newest_receipt(workspace.settings)
            status = read_for_page(workspace)
            write_status(status, workspace.settings)
            emit_attention(status)
            resend(datetime.now(UTC))
            logger.info("status: {} ({:.2f} s CPU)", status.sentence, time.process_time() - began)
        # Whatever is wrong with a page, the runs are watched.
        except Exception:  # noqa: BLE001
            logger.exception("the status page could not be written")

    def _has_run_ended(self) -> bool:
        """Whether a run here has left its receipt since the page was written."""
        try:
            return _newest_receipt(open_workspace().settings) > self._newest
        except Exception:  # noqa: BLE001  it is tried when the page is due
            return False


def _newest_receipt(settings: Settings) -> float:
    """When a run last wrote its project's list of runs."""
    pages = (settings.root / "receipts").glob(f"*/{NAME}")
    return max((page.stat().st_mtime for page in pages), default=0.0)
