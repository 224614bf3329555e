"""Marks: which old objects of the store a collection will remove, told to all runs days before it does.

A mark is put if absent under the next number and names the objects that nothing refers to. They stay for `WAIT`.
A run looks at the newest mark at its start. It refers to no marked object anew: what the memo remembers of one is
made again; and what it writes has the mark's number in its name, so no name of before the mark is ever written
again. What an earlier run still refers to it publishes before the wait is over, and the collection spares it.
docs/decisions/0034-retention.md has the argument.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import BinaryIO, Final, NamedTuple

from tierra.errors import Broken
from tierra.store.objects import Draft, Entry, Objects

# All that is collected: objects named by their content, in these folders of the store.
KINDS: Final = ("snapshots", "features", "quarantine", "models", "code", "releases", "evaluations", "profiles", "drift",
                "learnt", "cards", "shadow", "balance")  # fmt: skip
CONTENT: Final = re.compile(rf"(?:{'|'.join(KINDS)})/(?:\d+-)?[0-9a-f]{{64}}\.[a-z]+")
FOLDER: Final = "gc/marks"
_MARK: Final = re.compile(rf"{FOLDER}/(\d{{6}})")
# A run looks again when it publishes after this time; a collection waits for longer, whatever the clocks' paces.
LIFE: Final = timedelta(days=4)
WAIT: Final = timedelta(days=6)


class Mark(NamedTuple):
    """The objects that will be removed, by a number that grows, and when that was said, by the store's clock."""

    number: int
    doomed: frozenset[str]
    made: datetime | None = None


NONE: Final = Mark(0, frozenset())


def read_mark(objects: Objects) -> Mark:
    """The newest mark; one of number 0 that names nothing before the first. Raises Broken."""
    while numbers := _numbers(objects):
        with suppress(FileNotFoundError):  # replaced by a newer one meanwhile
            names = objects.read(_name(numbers[-1])).decode().split()
            if strange := next((name for name in names if not CONTENT.fullmatch(name)), None):
                raise Broken("store-tampered", f"{objects.location(_name(numbers[-1]))} names '{strange[:200]}'")
            return Mark(numbers[-1], frozenset(names), objects.modified(_name(numbers[-1])))
    return NONE


def put_mark(objects: Objects, after: int, doomed: Iterable[str]) -> bool:
    """Mark objects, under the number after the newest mark's; whether it was not another who did.

    Only the newest mark counts; those before it are removed.
    """
    created = objects.put_if_absent(_name(after + 1), "\n".join(sorted(doomed)).encode())
    for number in _numbers(objects)[:-1]:
        objects.remove(_name(number))
    return created


def may_be_reused(objects: Objects, name: str) -> bool:
    """Whether something new may refer to an object that was written before."""
    return not isinstance(objects, MarkedObjects) or objects.may_be_reused(name)


def confirm(objects: Objects) -> None:
    """Raise Broken before a run publishes that was under way for so long that its objects were marked meanwhile."""
    if isinstance(objects, MarkedObjects):
        objects.confirm()


class MarkedObjects:
    """The store as a run sees it: it keeps to the newest mark of its first look."""

    def __init__(self, objects: Objects, clock: Callable[[], float] = time.time) -> None:
        self._objects, self._clock = objects, clock
        self._seen: tuple[Mark, float] | None = None
        self._used: set[str] = set()

    def may_be_reused(self, name: str) -> bool:
        """Whether something new may refer to an object of this name. It is then spared, or this run is refused."""
        if name in self._mark.doomed:
            return False
        self._used.add(name)
        return True

    def confirm(self) -> None:
        """Look again where the last look is long ago. Raises Broken when what this run uses was marked since."""
        while self._seen and not 0 <= self._clock() - self._seen[1] < LIFE.total_seconds():
            began = self._clock()  # before the look: the run may stop in the midst of it, and then looks once more
            newest, passed = self._look(), self._seen[0].number
            # Of a mark that another has replaced nobody knows what it named.
            lost = self._used if newest.number > passed + 1 else self._used & newest.doomed
            if newest.number != passed and lost:
                where = self.location(min(lost))
                raise Broken(
                    "run-outlived", f"{where} may have been marked by `tierra gc` while this run was under way"
                )
            self._seen = newest, began

    @contextmanager
    def draft(self, stem: str, suffix: str) -> Iterator[Draft]:
        """Write an object named stem + number of the mark + digest + suffix; without a number before the first mark."""
        is_ours = stem.endswith("/") and stem[:-1] in KINDS
        numbered = f"{stem}{self._mark.number}-" if is_ours and self._mark.number else stem
        with self._objects.draft(numbered, suffix) as draft:
            yield draft
        self._used.add(draft.name)

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Create an object unless the name is taken. Raises Broken as `confirm` does."""
        self.confirm()
        return self._objects.put_if_absent(name, data)

    def read(self, name: str) -> bytes:
        """The bytes of an object. Raises FileNotFoundError."""
        return self._objects.read(name)

    def open(self, name: str) -> BinaryIO:
        """An object to read from at any position. Raises FileNotFoundError."""
        return self._objects.open(name)

    def open_verified(self, name: str, sha256: str) -> BinaryIO:
        """The same for an object that must have this digest. Raises Broken."""
        return self._objects.open_verified(name, sha256)

    def names(self, folder: str, within: Collection[str] | None = None) -> list[str]:
        """The names of the objects in a folder and below it, sorted."""
        return self._objects.names(folder, within)

    def entries(self, folder: str) -> Iterator[Entry]:
        """The objects in a folder and below it."""
        return self._objects.entries(folder)

    def modified(self, name: str) -> datetime | None:
        """When the object was last written; None when it is absent."""
        return self._objects.modified(name)

    def remove(self, name: str) -> None:
        """Remove an object."""
        self._objects.remove(name)

    def abandon_uploads(self, before: datetime) -> int:
        """Remove what killed writers began and never finished."""
        return self._objects.abandon_uploads(before)

    def location(self, name: str) -> str:
        """The object's path or address, for people."""
        return self._objects.location(name)

    @property
    def _mark(self) -> Mark:
        if self._seen is None:
            began = self._clock()  # before the look: the run may stop between the two
            self._seen = self._look(), began
        return self._seen[0]

    def _look(self) -> Mark:
        return read_mark(self._objects)


def _numbers(objects: Objects) -> list[int]:
    return [int(found[1]) for found in map(_MARK.fullmatch, objects.names(FOLDER)) if found]


def _name(number: int) -> str:
    return f"{FOLDER}/{number:06d}"
