"""What a run does with objects that a collection has marked."""

from datetime import timedelta

import pytest

from tierra.errors import Broken
from tierra.store.marks import CONTENT, LIFE, WAIT, MarkedObjects, confirm, may_be_reused, put_mark, read_mark
from tierra.store.memo import remember
from tierra.store.objects import MemoryObjects
from tierra.store.refs import ObjectRef

MODULE = "tierra.steps.fit"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_time(self, time: timedelta) -> None:
        self.now += time.total_seconds()


def keep(objects: MarkedObjects | MemoryObjects, data: bytes = b"a") -> ObjectRef:
    with objects.draft("models/", ".skops") as draft:
        draft.write(data)
    return ObjectRef(name=draft.name, sha256=draft.sha256)


def test_before_the_first_mark_names_are_as_ever() -> None:
    store = MemoryObjects()
    assert keep(MarkedObjects(store)) == keep(store)
    assert read_mark(store).number == 0


def test_after_a_mark_what_is_written_has_another_name() -> None:
    store = MemoryObjects()
    before = keep(store)
    assert put_mark(store, 0, [before.name])
    after = keep(MarkedObjects(store))
    assert after.sha256 == before.sha256
    assert after.name == f"models/1-{before.sha256}.skops"
    assert CONTENT.fullmatch(after.name)
    with MarkedObjects(store).draft("doctor/x-", ".txt") as draft:
        draft.write(b"a")
    assert draft.name.startswith("doctor/x-")


def test_one_number_is_given_to_one_collector_and_the_newest_mark_counts() -> None:
    store, names = MemoryObjects(), [keep(MemoryObjects(), text).name for text in (b"a", b"b")]
    assert put_mark(store, 0, names[:1])
    assert not put_mark(store, 0, names[1:])
    assert read_mark(store).doomed == set(names[:1])
    assert put_mark(store, 1, names[1:])
    assert (read_mark(store).number, read_mark(store).doomed) == (2, set(names[1:]))
    assert store.names("gc") == ["gc/marks/000002"]


def test_a_mark_that_names_anything_else_is_refused() -> None:
    store = MemoryObjects()
    put_mark(store, 0, ["champions/rides/000001.json"])
    with pytest.raises(Broken, match="champions/rides"):
        read_mark(store)


def test_what_is_remembered_of_a_marked_object_is_made_again_once() -> None:
    store, made = MemoryObjects(), []

    def fit(objects: MarkedObjects) -> ObjectRef:
        return remember(objects, MODULE, "i", ObjectRef, lambda: (made.append(1), keep(objects))[1])

    first = fit(MarkedObjects(store))
    assert fit(MarkedObjects(store)) == first
    put_mark(store, 0, [first.name])
    second = fit(MarkedObjects(store))
    store.remove(first.name)
    assert second.name != first.name
    assert fit(MarkedObjects(store)) == second
    assert len(made) == 2


def test_a_run_that_began_before_the_mark_goes_on_with_what_it_found() -> None:
    store = MemoryObjects()
    run = MarkedObjects(store)
    ref = keep(run)
    put_mark(store, 0, [ref.name])
    assert may_be_reused(run, ref.name)
    assert keep(run) == ref
    confirm(run)


def test_a_run_that_outlives_its_time_looks_again_and_publishes_nothing_of_what_was_marked() -> None:
    store, clock = MemoryObjects(), Clock()
    runs = [MarkedObjects(store, clock), MarkedObjects(store, clock)]
    ref, other = keep(runs[0]), keep(runs[1], b"other")
    clock.pass_time(LIFE)
    for run in runs:
        confirm(run)  # no mark since: both go on
    put_mark(store, 0, [ref.name])
    clock.pass_time(LIFE - timedelta(seconds=1))
    confirm(runs[0])
    clock.pass_time(timedelta(seconds=1))
    with pytest.raises(Broken, match="while this run was under way"):
        runs[0].put_if_absent("champions/rides/000001.json", b"")
    confirm(runs[1])  # what it uses was not marked
    assert keep(runs[1], b"other").name == f"models/1-{other.sha256}.skops"
    assert LIFE < WAIT


def test_a_run_that_missed_a_mark_publishes_nothing_either() -> None:
    store, clock = MemoryObjects(), Clock()
    run, idle = MarkedObjects(store, clock), MarkedObjects(store, clock)
    ref = keep(run)
    put_mark(store, 0, [ref.name])
    put_mark(store, 1, [keep(MemoryObjects(), b"other").name])
    clock.pass_time(LIFE)
    with pytest.raises(Broken, match="run-outlived"):
        confirm(run)
    confirm(idle)
