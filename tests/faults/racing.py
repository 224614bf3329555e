"""Processes that publish the same day at the same moment, round after round."""

from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from tests.faults.publishing import Place, run_in_words

FORK: Any = get_context("fork")


def compete(place: Place, version: str, rounds: int, barrier: Any, ends: Any) -> None:
    """One writer's nights, each begun when all writers are there."""
    for number in range(rounds):
        barrier.wait()
        ends.put((number, run_in_words(place.numbered(number), version=version)))


def race(pipe: "Connection[Any, Any]", place: Place, writers: int, rounds: int) -> None:
    """Says how every writer of every round ended."""
    # One night before the fork, so that every late import is done once.
    run_in_words(place.numbered(rounds))
    barrier, ends = FORK.Barrier(writers), FORK.SimpleQueue()
    processes = [
        FORK.Process(target=compete, args=(place, str(1 + number % 2), rounds, barrier, ends))
        for number in range(writers)
    ]
    for process in processes:
        process.start()
    said = [ends.get() for _ in range(writers * rounds)]
    for process in processes:
        process.join()
    pipe.send([[end for number, end in said if number == round_] for round_ in range(rounds)])
