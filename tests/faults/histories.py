"""Random histories of publishing, checked against a small model.

Writers, restorers, sweepers, collectors and readers are interleaved at every request to the store. At any request
one may be killed, or its answer lost; a request may be sent again later by whatever stood between. Now and then
somebody removes a manifest.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from tests.sinks import DATASET
from tierra.errors import Broken, TierraError, Unavailable
from tierra.steps.replaced import collect_generations, plan_generations
from tierra.store.manifest import Manifest
from tierra.store.objects import MemoryObjects
from tierra.store.part_names import manifest_name, mark_of, read_fate_name, read_manifest_name
from tierra.store.predictions import generations, publish, read_manifest, read_published
from tierra.store.refs import TableRef
from tierra.store.restoring import restore
from tierra.store.sinks import ObjectSink, Sink
from tierra.store.spec import Keep
from tierra.store.sql_sink import TableSink
from tierra.store.sweeping import sweep

DAYS = ("2024-04-29", "2024-04-30")
STEPS, ACTORS, KEYS = 40, 4, 3
PATIENCE = 60  # seconds that one request may take


class Crash(BaseException):
    """The end of a process."""


@dataclass
class Model:
    """What the protocol promises: each generation is published once, in order, and its rows stay."""

    rows: dict[tuple[str, int], str] = field(default_factory=dict)
    writers: dict[tuple[str, int], str] = field(default_factory=dict)
    removed: set[tuple[str, int]] = field(default_factory=set)
    collected: set[tuple[str, int]] = field(default_factory=set)

    def publish(self, day: str, generation: int, key: str, writer: str) -> None:
        if (day, generation) in self.removed and self.writers[day, generation] == writer:
            self.removed.remove((day, generation))  # the very same, from a try whose answer was lost
            return
        assert (day, generation) not in self.rows, f"generation {generation} of {day} came back"
        assert generation == self.newest(day) + 1, f"generation {generation} of {day} follows {self.newest(day)}"
        self.rows[day, generation], self.writers[day, generation] = key, writer

    def newest(self, day: str) -> int:
        return max((number for each, number in self.rows if each == day), default=0)

    def collect(self, day: str, generation: int) -> None:
        assert generation < self.newest(day), f"generation {generation} of {day} is published"
        self.collected.add((day, generation))

    def reads(self, day: str, generation: int, found: str) -> bool:
        """Whether a reader finds the rows, or gets the error that it should."""
        if (day, generation) in self.removed:
            return found == "store-tampered"
        is_going = (day, generation) in self.collected and found == "generation-collected"
        return is_going or found == self.rows.get((day, generation), "")


class Actor(threading.Thread):
    """A process of its own: it goes on to its next request each time it is told to."""

    def __init__(self, act: Callable[["Actor"], None], fault: tuple[int, str]) -> None:
        super().__init__(daemon=True)
        self._act, self._number, self._fault = act, *fault
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.ended, self.requests = False, 0
        self.error: BaseException | None = None
        self.next: tuple[str, tuple[Any, ...]] = ("", ())
        self.start()

    def run(self) -> None:
        self._go.acquire()
        try:
            self._act(self)
        except Crash:
            pass
        except BaseException as error:
            self.error = error
        self.ended = True
        self._stopped.release()

    def step(self) -> None:
        """Let it make one request. Raises what it failed with."""
        self._go.release()
        assert self._stopped.acquire(timeout=PATIENCE), "a request does not end"
        if self.error:
            raise self.error

    def request(self) -> str:
        """Wait for the turn; the fault of this request."""
        self._stopped.release()
        self._go.acquire()
        self.requests += 1
        return self._fault if self.requests == self._number else ""


class Requests:
    """A store of objects, or a sink, whose every request waits for its actor's turn and may go wrong."""

    def __init__(self, real: Any, actor: Actor, history: "History") -> None:
        self._real, self._actor, self._history = real, actor, history

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name in ("location", "is_written_for") or not callable(real):
            return real
        return lambda *given: self._ask(name, lambda: real(*given), given)

    @contextmanager
    def draft(self, stem: str, suffix: str) -> Iterator[Any]:
        with self._real.draft(stem, suffix) as draft:
            yield draft
            fault = self._before()
        self._after(fault)

    def _ask(self, name: str, real: Callable[[], Any], given: tuple[Any, ...]) -> Any:
        self._actor.next = (name, given)
        fault = self._before()
        if fault == "delayed":  # the request arrives after its sender has given up
            self._history.sent_again.append((name, real, given))
            raise Unavailable("store-unavailable", "no answer")
        made = real()
        self._history.note(name, given, made)
        if fault == "repeated":
            self._history.sent_again.append((name, real, given))
        self._after(fault)
        return made

    def _before(self) -> str:
        fault = self._actor.request()
        if fault == "killed before":
            raise Crash
        if fault == "lost before":
            raise Unavailable("store-unavailable", "no answer")
        return fault

    def _after(self, fault: str) -> None:
        if fault == "killed after":
            raise Crash
        if fault in ("lost after", "repeated"):
            raise Unavailable("store-unavailable", "no answer")


FAULTS = ("", "", "killed before", "killed after", "lost before", "lost after")
OBJECT_FAULTS = (*FAULTS, "repeated", "delayed")  # a database's session ends with its connection: nothing comes later
WRITES = ("put_if_absent", "remove")


class History:
    """One random history on one sink, told by its seed."""

    def __init__(self, sink: Sink, seed: int) -> None:
        self.sink, self.model, self.chance = sink, Model(), random.Random(seed)
        self.sent_again: list[tuple[str, Callable[[], Any], tuple[Any, ...]]] = []
        self.actors: list[Actor] = []

    def live(self) -> None:
        """Random steps, then the end of all that goes on, a sweep, and a look at everything."""
        self._start()
        for _ in range(STEPS):
            acts = [self._begin, self._go_on, self._repeat, self._remove, self.look]
            self.chance.choices(acts, [4, 20, 2, 1, 2])[0]()
        while self.actors:
            self._go_on()
        while self.sent_again:
            self._repeat()
        self.look()
        sweep(self.sink)
        self._forget_inventory()
        sweep(self.sink)
        self.look()
        self._look_for_left()
        if not self.model.removed:
            self._collect(self.sink, DAYS[0], "")
            self.look()
            self._look_for_collected()

    def _start(self) -> None:
        """Two generations of the first day, in every second history: something to restore."""
        for seen in range(self.chance.choice([0, 2])):
            part = self.sink.write_part(DAYS[0], seen + 1, iter([rows_of(f"k{seen}")]))
            done, _ = publish(self.sink, a_night(DAYS[0], f"k{seen}", part, "first"), seen)
            self.model.publish(DAYS[0], seen + 1, f"k{seen}", done.writer)

    def _begin(self) -> None:
        if len(self.actors) < ACTORS:
            act = self.chance.choices(
                [self._write, self._restore, self._sweep, self._read, self._collect], [6, 4, 3, 2, 2]
            )[0]
            fault = self.chance.randint(1, 12), self.chance.choice(OBJECT_FAULTS if self._is_objects else FAULTS)
            day, key = self.chance.choice(DAYS), f"k{self.chance.randrange(KEYS)}"
            self.actors.append(Actor(lambda actor: act(self._for(actor), day, key), fault))

    def _go_on(self) -> None:
        """Some requests of one actor in a row, as processes are not fair."""
        if self.actors:
            actor = self.chance.choice(self.actors)
            for _ in range(self.chance.choice([1, 1, 3, 12])):
                if not actor.ended:
                    actor.step()
            if actor.ended:
                self.actors.remove(actor)

    def _repeat(self) -> None:
        """Something sends a request again whose answer was lost."""
        if self.sent_again:
            name, real, given = self.sent_again.pop(self.chance.randrange(len(self.sent_again)))
            if name in WRITES:
                self.note(name, given, real())

    def _remove(self) -> None:
        """Somebody removes the newest manifest of a day, of which no mark is left: else nobody could know.

        Nor could a writer that has looked already, and whose next request creates the same manifest.
        """
        day = self.chance.choice(DAYS)
        newest = self.model.newest(day)
        if not newest or (day, newest) in self.model.removed or self.chance.random() < 0.5 or self.sent_again:
            return
        if isinstance(self.sink, ObjectSink):
            manifest = read_manifest(self.sink, day, newest)
            name = manifest_name(DATASET, day, newest)
            if any(actor.next[0] == "put_if_absent" and actor.next[1][0] == name for actor in self.actors):
                return
            if manifest and mark_of(manifest.named[-1].name) not in self.sink.objects.names(f"{DATASET}/pending"):
                self.sink.objects.remove(name)
                self.model.removed.add((day, newest))
        elif isinstance(self.sink, TableSink):
            with self.sink._engine.begin() as connection:
                for table in (self.sink._tables.published, self.sink._tables.manifests):
                    mine = table.c.partition == day, table.c.generation == newest
                    connection.execute(table.delete().where(*mine))
            self.model.removed.add((day, newest))

    def note(self, name: str, given: tuple[Any, ...], made: Any) -> None:
        """Tell the model of each manifest that was created, at the moment it was."""
        if name == "put_manifest" and made:
            self._published(given[0], given[1], given[2])
        if name == "put_if_absent" and made and (found := read_manifest_name(given[0])):
            self._published(*found, given[1])
        if name == "put_if_absent" and made and given[1] == b"collected" and (found := read_fate_name(given[0])):
            self.model.collect(*found)
        if name == "decide_fate" and made == "collected":
            self.model.collect(*given[:2])

    def _published(self, day: str, generation: int, text: bytes) -> None:
        manifest = Manifest.model_validate_json(text)
        self.model.publish(day, generation, manifest.model_version, manifest.writer)

    # what processes do

    def _write(self, sink: Sink, day: str, key: str) -> None:
        """A night of one day, its last step retried as a station is."""
        with suppress(Unavailable):
            seen = generations(sink, [day]).get(day, 0)
            part = self._write_part(sink, day, seen + 1, key)
            if part is None:
                return
            manifest = a_night(day, key, part, f"{threading.get_ident()} {self.chance.random()}")
            for _ in range(2):
                with suppress(Unavailable):
                    self._check_end(day, manifest.writer, seen + 1, *self._publish(sink, manifest, seen))
                    break

    def _write_part(self, sink: Sink, day: str, generation: int, key: str) -> TableRef | None:
        """None where its unfinished file was taken for one that a killed writer left a day ago."""
        try:
            return sink.write_part(day, generation, iter([rows_of(key)]))
        except Broken as error:
            assert error.code == "store-failed"  # noqa: PT017 - the error is expected
            return None

    def _publish(self, sink: Sink, manifest: Manifest, seen: int) -> tuple[Manifest | None, str]:
        try:
            return publish(sink, manifest, seen)
        except Broken as error:
            return None, error.code

    def _check_end(self, day: str, writer: str, generation: int, there: Manifest | None, ending: str) -> None:
        """What a writer says of its end is true."""
        place = (day, generation)
        if ending in ("store-tampered", "publish-unknown"):  # the second says neither: looking again failed too
            assert self._was_touched(day), "nobody removed anything"
        elif ending == "generation-collected":  # what was to be restored
            assert any(each == day for each, _ in self.model.collected)
        elif ending == "part-late":  # a database's part of a day ago was swept before its manifest: nothing is lost
            assert not self._is_objects or self._was_touched(day)
        elif ending == "store-failed":  # an unfinished file of a day ago was removed: nothing is published
            assert self._is_objects
            assert self.model.writers.get(place) != writer
        else:
            assert there
            assert place in self.model.rows
            assert (there.generation, there.model_version) == (generation, self.model.rows[place])
            assert (there.writer == writer) == (ending == "published")

    def _restore(self, sink: Sink, day: str, key: str) -> None:
        """A rollback of one day: an earlier generation's parts are named again."""
        with suppress(Unavailable):
            seen = generations(sink, [day]).get(day, 0)
            if seen < 2:
                return
            former, writer = self.chance.randrange(1, seen), f"{threading.get_ident()} {self.chance.random()}"
            for _ in range(2):
                with suppress(Unavailable):
                    self._check_end(day, writer, seen + 1, *self._restore_once(sink, day, former, seen, writer))
                    break

    def _restore_once(self, sink: Sink, day: str, former: int, seen: int, writer: str) -> tuple[Manifest | None, str]:
        try:
            return restore(sink, day, former, seen, writer)
        except Broken as error:
            return None, error.code

    def _sweep(self, sink: Sink, day: str, key: str) -> None:
        if self.chance.random() < 0.3:
            self._forget_inventory()
        try:
            sweep(sink)
        except Broken as error:  # its unfinished file was taken for an old one, or a manifest is being removed
            assert error.code == "store-failed" or self.model.removed, error  # noqa: PT017 - the error is expected
        except Unavailable:
            pass

    def _collect(self, sink: Sink, day: str, key: str) -> None:
        """A collection that keeps the newest generations only, as if months had passed."""
        now = datetime.now(UTC) + timedelta(days=60)
        keep = Keep(generations=1 if sink is self.sink else self.chance.choice([1, 2]))
        try:
            planned = plan_generations(MemoryObjects(), sink, keep, list(sink.stored_parts()), now)
            collect_generations(planned, now)
        except Broken as error:
            assert error.code == "store-failed" or self.model.removed, error  # noqa: PT017 - the error is expected
        except Unavailable:
            pass
        else:
            if sink is self.sink:
                self.model.collected |= {each for each, fate in sink.fates().items() if fate == "collected"}

    def _read(self, sink: Sink, day: str, key: str) -> None:
        """A reader sees a generation that was the newest at some moment of its reading, whole."""
        before, fails = self.model.newest(day), False
        with suppress(Unavailable):
            try:
                newest = generations(sink, [day]).get(day, 0)
                found = read_key(sink, day, newest) if newest else ""
            except Broken as error:
                if error.code == "generation-collected":
                    assert (day, newest) in self.model.collected
                    return
                fails = True
            if fails:
                assert self._was_touched(day), "nobody removed anything"
            else:
                assert before <= newest <= self.model.newest(day)
                assert found == self.model.rows.get((day, newest), "")

    # what is checked from outside, between two requests

    def look(self) -> None:
        """Every generation that ever was reads as it was published, and the newest is known."""
        for day in DAYS:
            newest = self.model.newest(day)
            assert generations(self.sink, [day]).get(day, 0) == newest
            for number in range(1, newest + 1):
                assert self.model.reads(day, number, read_or_error(self.sink, day, number)), (day, number)

    def _look_for_left(self) -> None:
        """After a sweep only what is published is left, and what may yet be."""
        left = [part for part in self.sink.parts() if part.generation]
        for part in left:
            newest = self.model.newest(part.partition)
            gone = (part.partition, part.generation) in self.model.removed
            if part.generation <= newest and not gone:  # type: ignore[operator]
                manifest = read_manifest(self.sink, part.partition, part.generation)
                assert manifest
                assert part.name in {each.name for each in manifest.named}, "swept too little"

    def _look_for_collected(self) -> None:
        """What may go has gone: the rows of all generations but the newest and those that one restores."""
        for day in DAYS:
            for number in range(1, self.model.newest(day)):
                manifest, fate = read_manifest(self.sink, day, number), self.sink.fates([day]).get((day, number))
                assert manifest
                assert fate or manifest.restores, f"generation {number} of {day} is left"
                own = [part for part in self.sink.stored_parts() if part.part[::2] == (day, number)]
                assert not own or fate != "collected", "collected too little"

    def _was_touched(self, day: str) -> bool:
        return any(each == day for each, _ in self.model.removed)

    @property
    def _is_objects(self) -> bool:
        return isinstance(self.sink, ObjectSink)

    def _for(self, actor: Actor) -> Sink:
        """The sink as one process sees it."""
        if isinstance(self.sink, ObjectSink):
            return ObjectSink(Requests(self.sink.objects, actor, self), DATASET)  # type: ignore[arg-type]
        return Requests(self.sink, actor, self)  # type: ignore[return-value]

    def _forget_inventory(self) -> None:
        if isinstance(self.sink, ObjectSink):
            for note in self.sink.objects.names(f"{DATASET}/inventories"):
                self.sink.objects.remove(note)


def a_night(day: str, key: str, part: TableRef, writer: str) -> Manifest:
    return Manifest(dataset=DATASET, partition=day, inputs="i", model="m", scoring="s", model_version=key,
                    rows_in=2, rows_scored=2, rows_quarantined=0, parts=(part,), writer=writer)  # fmt: skip


def rows_of(key: str) -> pa.Table:
    return pa.table({"ride_id": [key, key]})


def read_key(sink: Sink, day: str, generation: int) -> str:
    (key,) = set(read_published(sink, day, generation)["ride_id"].to_pylist())
    return str(key)


def read_or_error(sink: Sink, day: str, generation: int) -> str:
    """The rows of a generation, or the error that reading it gives."""
    try:
        return read_key(sink, day, generation)
    except TierraError as error:
        return error.code
