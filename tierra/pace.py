"""How long the rest of a piece of work takes, by the time it has taken so far."""

import time
from collections.abc import Callable
from typing import Final

from tierra.journal import Progress

LEAST_SHARE: Final = 0.02  # below it nobody can say


class Pace:
    """An estimate that starts with the first progress it is told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None

    def left(self, progress: Progress) -> str:
        """About how long the rest takes, such as "about 3 min left"; empty while nobody can say, and at the end."""
        now = self._clock()
        self._first = self._first or (now, progress.share)
        since, share = self._first
        done = progress.share - share
        if done < LEAST_SHARE or progress.share >= 1:
            return ""
        return f"about {_words((now - since) * (1 - progress.share) / done)} left"


def _words(seconds: float) -> str:
    """A time in its largest unit."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
