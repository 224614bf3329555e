"""Collections beside writers, restorers and readers that do not stop, on every sink: none of them fails."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.conftest import ALL, KINDS, Survived
from tests.faults.publishing import DAY, Place, publish_day, scored, seen_by_a_reader
from tierra.errors import Broken, TierraError, Unavailable
from tierra.steps.replaced import collect_generations, plan_generations
from tierra.store.objects import MemoryObjects
from tierra.store.predictions import generations, read_published
from tierra.store.restoring import restore
from tierra.store.sinks import Sink
from tierra.store.spec import Keep

SECONDS = 20.0 if ALL else 1.5
pytestmark = pytest.mark.timeout(300)


class Beside(threading.Thread):
    """What goes on until the end, again and again; the first error ends it."""

    def __init__(self, act: Callable[[Sink], object], place: Place, until: float) -> None:
        super().__init__(daemon=True)
        self._act, self._place, self._until = act, place, until
        self.times, self.error = 0, ""
        self.start()

    def run(self) -> None:
        sink = self._place.open()
        while time.monotonic() < self._until and not self.error:
            try:
                self._act(sink)
                self.times += 1
            except Unavailable:  # a run would try again
                pass
            except TierraError as error:
                self.error = str(error)


def write(sink: Sink) -> None:
    seen = generations(sink, [DAY]).get(DAY, 0)
    try:
        publish_day(sink, DAY, scored(str(seen % 3)), str(seen % 3), seen)
    except TierraError as error:
        # Its number was taken, replaced and collected while it wrote: here months pass in a moment.
        assert error.code == "part-late"  # noqa: PT017


def go_back(sink: Sink) -> None:
    seen = generations(sink, [DAY])[DAY]
    try:
        restore(sink, DAY, max(seen - 1, 1), seen)
    except Broken as error:
        assert error.code == "generation-collected"  # noqa: PT017 - it was replaced meanwhile


def read(sink: Sink) -> None:
    assert read_published(sink, DAY).num_rows == scored().num_rows


def collect(sink: Sink) -> None:
    now = datetime.now(UTC) + timedelta(days=60)
    collect_generations(
        plan_generations(MemoryObjects(), sink, Keep(generations=2), list(sink.stored_parts()), now), now
    )


@pytest.mark.parametrize("kind", KINDS if ALL else ("folder", "SQLite"))
def test_beside_collections_everything_goes_on(kind: str, place_of: Callable[[str], Place], survived: Survived) -> None:
    place = place_of(kind).numbered(0)
    write(place.open())
    write(place.open())
    until = time.monotonic() + SECONDS
    threads = {act.__name__: Beside(act, place, until) for act in (write, go_back, read, collect)}
    for each in threads.values():
        each.join(60)
    assert {name: each.error for name, each in threads.items() if each.error} == {}
    assert all(each.times for each in threads.values())
    while len(place.open().fates()) < 2:
        write(place.open())
        collect(place.open())
    assert seen_by_a_reader(place).startswith("generation ")
    survived(kind, "a collection beside", True)
