"""Stopped or refused at points of every sink, and killed at random times: all or nothing, and the next night."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.child import serve
from tests.faults.conftest import ALL, KINDS, Survived
from tests.faults.publishing import BUCKETS, Place
from tests.forks import heard, in_a_process

pytestmark = pytest.mark.timeout(900)
COMPLETE = "generation 1"
SOME = 4 if ALL else 36
EVERY = {"kill": 1 if ALL else 9, "terminate": SOME, "cancel": SOME, "quota": SOME, "bad block": SOME}
FEW = 1 if ALL else 3
RANDOM = 13 if ALL else 3
SAID = {
    "kill": "kill -9 at a point",
    "restore": "kill -9 at a point of restoring",
    "terminate": "SIGTERM at a point",
    "cancel": "cancelled by Prefect at a point",
    "quota": "a used-up quota at a point",
    "bad block": "an I/O error at a point",
}
Stop = Callable[[Place, str, int], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def stop() -> Iterator[Stop]:
    """Does something to a publishing process at every n-th of its points; what was seen each time."""
    with in_a_process(serve) as (_, pipe):

        def ask(place: Place, what: str, every: int) -> list[dict[str, Any]]:
            pipe.send((place, what, every))
            said: list[dict[str, Any]] = heard(pipe)
            return said

        yield ask


def holds(case: dict[str, Any]) -> bool:
    """All or nothing was seen; the next run published what was missing; the third did nothing; no part was left."""
    was_there = case["seen"] == COMPLETE
    retried = "already" if was_there else "published"
    return bool(
        case["seen"] in ("nothing", COMPLETE)
        and (case["retried"], case["after"]) == (retried, COMPLETE)
        and (case["third"], case["left"], case["at last"]) == ("already", 0, COMPLETE)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("what", "ended_by"), [("kill", 9), ("terminate", 15), ("cancel", 0)])
def test_stopped_at_any_point_it_shows_all_or_nothing_and_the_next_night_completes_it(
    kind: str, what: str, ended_by: int, place_of: Callable[[str], Place], stop: Stop, survived: Survived
) -> None:
    cases = hold(kind, what, stop, place_of(kind), survived)
    assert {case["signal"] for case in cases} == {ended_by}
    if EVERY[what] == 1:
        assert {case["seen"] for case in cases} == {"nothing", COMPLETE}, "the points are before and after the manifest"


@pytest.mark.parametrize("kind", ["folder", "SQLite", "PostgreSQL"])
@pytest.mark.parametrize("what", ["quota", "bad block"])
def test_refused_by_the_disk_at_any_point_it_shows_all_or_nothing_and_ends_with_an_error_of_ours(
    kind: str, what: str, place_of: Callable[[str], Place], stop: Stop, survived: Survived
) -> None:
    """Errors that we raise where the system would: a bucket's and a server's own full disks are in other tests."""
    assert hold(kind, what, stop, place_of(kind), survived)


@pytest.mark.parametrize("kind", KINDS if ALL else KINDS[:1])
def test_killed_at_any_point_of_restoring_it_shows_the_bad_generation_or_the_restored_one(
    kind: str, place_of: Callable[[str], Place], stop: Stop, survived: Survived
) -> None:
    cases = stop(replace(place_of(kind), restores=True), "kill", EVERY["kill"])
    for case in cases:
        done = case["seen"] == "generation 3"
        held = case["seen"] in ("generation 2", "generation 3") and case["retried"] == (
            "already" if done else "published"
        )
        held &= (case["after"], case["third"], case["left"], case["at last"]) == (
            "generation 3", "already", 0, "generation 3")  # fmt: skip
        survived(kind, SAID["restore"], held)
        assert held, json.dumps(case)
    assert {case["signal"] for case in cases} == {9}
    assert "generation 2" in {case["seen"] for case in cases}


def hold(kind: str, what: str, stop: Stop, place: Place, survived: Survived) -> list[dict[str, Any]]:
    """Every case held; the cases."""
    cases = stop(place, what, FEW if kind in BUCKETS else EVERY[what])  # of a bucket there are few points
    for case in cases:
        survived(kind, SAID[what], holds(case))
        assert holds(case), json.dumps(case)
    assert "nothing" in {
        case["seen"] for case in cases
    }, "the first points are before the manifest: what was done there told"
    return cases


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_a_random_time_it_shows_all_or_nothing(
    kind: str, place_of: Callable[[str], Place], stop: Stop, survived: Survived
) -> None:
    for case in stop(place_of(kind), "random", RANDOM):
        survived(kind, "kill -9 at a random time", holds(case))
        assert holds(case), case
