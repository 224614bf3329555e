"""The progress of a run, as one bar on its page in the Prefect UI."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from queue import Empty, Queue
from threading import Thread
from typing import Final, cast
from uuid import UUID

from loguru import logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from tierra.journal import Entry, Progress, Watcher, watching
from tierra.pace import Pace
from tierra.redaction import clean_line

# Percent of a run, by how long each station takes on some 300,000 rows.
SHARES: Final = {
    "train": {"open-project": 2, "pull-sources": 25, "validate-tables": 8, "build-features": 15, "split-table": 5,
              "fit-candidates": 25, "choose-candidate": 1, "evaluate-models": 15, "judge": 1, "register-model": 3},
    "score": {"open-project": 2, "find-work": 5, "find-champion": 5, "with-champion-recipe": 2, "pull-side-tables": 6,
              "find-changed": 10, "sweep-parts": 1},
}  # fmt: skip
# The stations of each partition, in proportion; together they share the rest, the same for each partition.
PARTITION_SHARES: Final = {
    "pull-partition": 30,
    "validate-partition": 8,
    "join-partition": 12,
    "compare-partition": 10,
    "predict-partition": 35,
    "publish-partition": 5,
}
# A bar moves in steps of five of a hundred, so a run sends about twenty updates at most.
MIN_STEP = 5.0
MIN_SECONDS = 2.0


@contextmanager
def show_progress(flow: str, key: str) -> Iterator[None]:
    """Show a bar for the run inside the block. A slow or missing server does not hold up the run."""
    bar, sender, started = Bar(flow), Sender(key), time.monotonic()
    with watching(Reporter(bar, sender)):
        try:
            yield
        except BaseException as error:
            sender.close(bar.percent, f"stopped at {bar.words}: {type(error).__name__}")
            raise
    sender.close(100.0, f"done in {time.monotonic() - started:.1f} s")


class Bar(Watcher):
    """A percentage that only grows, and its label."""

    def __init__(self, flow: str) -> None:
        self.shares = SHARES.get(flow, {})
        self.before, self.inside, self.percent, self.words = 0.0, 0.0, 0.0, ""
        self.partitions, self.pace, self.rest = Progress(0, None, ""), Pace(), ""
        self.known = False

    def begin(self, entry: Entry) -> None:
        """Start a station where the one before ended."""
        self._move(0.0, entry.station.replace("-", " "))

    def advance(self, entry: Entry | None, progress: Progress) -> None:
        """Move the bar inside a station, or to the end of a partition, whatever its stations took."""
        self.known = True
        if entry:
            self._move(self._share(entry) * progress.share, f"{entry.station.replace('-', ' ')}: {progress}")
            return
        start = sum(self.shares.values())
        self.partitions, self.rest = progress, self.pace.left(progress)
        self.before, self.inside = max(self.before, start + (100 - start) * progress.share), 0.0
        self._move(0.0, "")

    def end(self, entry: Entry) -> None:
        """Add the station's share, unless it failed."""
        if not entry.failed:
            self.before = min(self.before + self._share(entry), 100.0)
        self._move(0.0, "")

    def label(self) -> str:
        """The text under the bar."""
        parts = [str(self.partitions) if self.partitions.total else "", self.rest, self.words]
        return " · ".join(part for part in parts if part)

    def _move(self, inside: float, words: str) -> None:
        self.inside, self.words = inside, words or self.words
        self.percent = max(self.percent, round(min(self.before + inside, 100.0), 1))

    def _share(self, entry: Entry) -> float:
        if entry.station in self.shares or not self.partitions.total:
            return self.shares.get(entry.station, 0)
        rest = 100 - sum(self.shares.values())
        return rest * PARTITION_SHARES.get(entry.station, 0) / sum(PARTITION_SHARES.values()) / self.partitions.total


class Sender:
    """Sends the latest update in a thread of its own; an update not yet sent is replaced by the next."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.thread: Thread | None = None
        self.latest: Queue[tuple[float, str, bool]] = Queue(maxsize=1)

    def send(self, percent: float, words: str, last: bool = False) -> None:
        """Replace the waiting update."""
        with suppress(Empty):
            self.latest.get_nowait()
        self.latest.put_nowait((percent, words, last))
        if self.thread is None:
            # In the run's context, so that the bar belongs to the run.
            self.thread = Thread(target=copy_context().run, args=(self._send_all,), name="progress", daemon=True)
            self.thread.start()

    def close(self, percent: float, words: str) -> None:
        """Send the last update, if there was any before, and wait a moment for it to arrive."""
        if self.thread:
            self.send(percent, words, last=True)
            self.thread.join(MIN_SECONDS)

    def _send_all(self) -> None:
        artifact, last = None, False
        while not last:
            percent, words, last = self.latest.get()
            try:
                if artifact is None:
                    artifact = cast(UUID, create_progress_artifact(percent, self.key, clean_line(words)))
                else:
                    update_progress_artifact(artifact, percent, clean_line(words))
            except Exception as error:  # noqa: BLE001  a bar must never fail a run
                logger.debug("the progress bar could not be updated: {}", error)
                return


class Reporter(Watcher):
    """Updates the bar, and sends it when it has moved enough."""

    def __init__(self, bar: Bar, sender: Sender) -> None:
        self.bar, self.sender = bar, sender
        self.sent_percent, self.sent_at = -MIN_STEP, time.monotonic() - MIN_SECONDS

    def begin(self, entry: Entry) -> None:
        """Change the label; the bar stays."""
        self.bar.begin(entry)

    def advance(self, entry: Entry | None, progress: Progress) -> None:
        """Move the bar, and send it; the first progress that is known makes it appear."""
        self.bar.advance(entry, progress)
        self._report()

    def end(self, entry: Entry) -> None:
        """Add the station's share, and send the bar."""
        self.bar.end(entry)
        self._report()

    def _report(self) -> None:
        now, percent = time.monotonic(), self.bar.percent
        if self.bar.known and percent - self.sent_percent >= MIN_STEP and now - self.sent_at >= MIN_SECONDS:
            self.sent_percent, self.sent_at = percent, now
            self.sender.send(percent, self.bar.label())
