"""The status page, written again and again by a process that has everything imported."""

import time
from datetime import UTC, datetime

from loguru import logger

from tasks.server.messages import send_again
from tasks.status import emit_attention, read_for_page, write_status
from tierra.workspace import open_workspace

FIRST_PAGE_AFTER = 30.0


class StatusPage:
    """The page that is written again after a while."""

    def __init__(self, seconds: float) -> None:
        # Not at once: where all is started together, the first page would say that there is no worker.
        self._seconds, self._due = seconds, time.monotonic() + min(seconds, FIRST_PAGE_AFTER)

    def refresh_when_due(self) -> None:
        """Write the page if it is time. A page that could not be written is tried again at the next time."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._seconds
        try:
            began = time.process_time()
            status = read_for_page(open_workspace())
            write_status(status)
            emit_attention(status)
            send_again(datetime.now(UTC))
            logger.info("status: {} ({:.2f} s CPU)", status.sentence, time.process_time() - began)
        # Whatever is wrong with a page, the runs are watched.
        except Exception:  # noqa: BLE001
            logger.exception("the status page could not be written")
