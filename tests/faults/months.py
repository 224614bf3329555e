"""Random histories of collecting: runs and collections interleaved at every request, over months of a clock.

A run looks, finds what the memo remembers or makes it anew, waits for up to weeks, and publishes what refers to it.
A collection may stop at any request for as long, and its removals may arrive again at any later time. At any moment
all that is published reads.
"""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults.histories import Actor, Requests
from tierra.errors import Broken, Unavailable
from tierra.steps.collect import collect_objects, plan_objects
from tierra.store import marks
from tierra.store.marks import MarkedObjects, confirm
from tierra.store.memo import remember
from tierra.store.objects import MemoryObjects, Objects
from tierra.store.refs import ObjectRef

MODULE, STEPS, ACTORS, KEYS = "tierra.store.values", 250, 4, 2
# Nobody waits for longer between the last look at the clock and the publication: the protocol allows for two days.
MOMENT = timedelta(hours=3)
FAULTS = ("", "", "", "killed before", "killed after", "lost before", "lost after", "repeated")


class Timed(MemoryObjects):
    """Objects in memory, whose times are those of a clock that a test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2024, 1, 1, tzinfo=UTC)

    def _write(self, name: str, data: bytes) -> None:
        self.objects[name], self._written[name] = data, self.now


class Months:
    """One random history, told by its seed."""

    def __init__(self, seed: int) -> None:
        self.store, self.chance = Timed(), random.Random(seed)
        self.sent_again: list[Any] = []
        self.actors: list[Actor] = []
        self.pace: dict[Actor, float] = {}
        self.published = self.removed = 0

    def live(self) -> None:
        for _ in range(STEPS):
            acts = [self._begin, self._go_on, self._repeat, self._wait]
            self.chance.choices(acts, [4, 10, 2, 4])[0]()
            self.look()
        while self.actors:
            self._go_on()
            self.look()
        while self.sent_again:
            self._repeat()
            self.look()

    def look(self) -> None:
        """All that is published is there."""
        for name, data in self.store.objects.items():
            if name.startswith("champions/"):
                assert data.decode() in self.store.objects, f"{name} refers to {data.decode()}, which is gone"

    def note(self, name: str, given: tuple[Any, ...], made: Any) -> None:
        self.removed += name == "remove" and given[0].startswith("models/")

    def _begin(self) -> None:
        if len(self.actors) < ACTORS:
            act = self.chance.choices([self._run, self._collect], [3, 2])[0]
            fault = self.chance.randint(1, 12), self.chance.choice(FAULTS)
            key = f"k{self.chance.randrange(KEYS)}"
            actor = Actor(lambda actor: act(Requests(self.store, actor, self), key), fault)  # type: ignore[arg-type]
            self.actors.append(actor)
            self.pace[actor] = self.chance.choice([1, 1, 0.03])

    def _go_on(self) -> None:
        if self.actors:
            # Some sleep nearly all the time, wherever they are.
            actor = self.chance.choices(self.actors, [self.pace[each] for each in self.actors])[0]
            for _ in range(self.chance.choice([1, 1, 3, 12])):
                if not actor.ended:
                    actor.step()
            if actor.ended:
                self.actors.remove(actor)

    def _repeat(self) -> None:
        if self.sent_again:
            name, real, _ = self.sent_again.pop(self.chance.randrange(len(self.sent_again)))
            if name == "remove":
                real()

    def _wait(self) -> None:
        """Time passes, and whoever is about to publish publishes before it does: nobody waits there for long."""
        days = self.chance.choice([0.1, 1, 2, 3, 5, 7, 40])
        if timedelta(days=days) > MOMENT:
            for actor in [each for each in self.actors if each.next[:1] == ("put_if_absent",)]:
                while not actor.ended and actor.next[0] == "put_if_absent":
                    actor.step()
                self.actors = [each for each in self.actors if not each.ended]
        self.store.now += timedelta(days=days)

    def _run(self, objects: Objects, key: str) -> None:
        """A run: its model is remembered or made, and the pointer to it is put."""
        run = MarkedObjects(objects, lambda: self.store.now.timestamp())

        def make() -> ObjectRef:
            with run.draft("models/", ".skops") as draft:
                draft.write(key.encode())
            return ObjectRef(name=draft.name, sha256=draft.sha256)

        try:
            found = remember(run, MODULE, key, ObjectRef, make)
            # What is made of it, another day or by other code, is remembered too, and is younger.
            found = remember(run, MODULE, [key, self.store.now.toordinal() // 5], ObjectRef, lambda: found)
            for _ in range(3):  # its other work
                objects.modified(found.name)
            confirm(run)
            self.published += 1
            run.put_if_absent(f"champions/{key}/{self.published:06d}.json", found.name.encode())
        except Unavailable:
            pass
        except Broken as error:
            assert error.code == "run-outlived"  # noqa: PT017 - the error is expected

    def _collect(self, objects: Objects, key: str) -> None:
        """A collection; before, somebody gives up what was published of a key, so that something is left to go."""
        for name in self.store.names(f"champions/{key}"):
            self.store.remove(name)
        with suppress(Unavailable):
            now = self.store.now
            mark = marks.read_mark(objects)
            collect_objects(objects, plan_objects(objects, set(self._kept(objects)), mark, now, 30))

    def _kept(self, objects: Objects) -> Iterator[str]:
        for name in objects.names("champions"):
            with suppress(FileNotFoundError):  # given up meanwhile
                yield objects.read(name).decode()
