"""Processes that publish the same day at the same moment, round after round."""

import json
import sys
from multiprocessing import get_context
from typing import Any

from tests.faults.publishing import Place, run_in_words

FORK: Any = get_context("fork")


def race(place: Place, version: str, rounds: int, barrier: Any, ends: Any) -> None:
    """One writer's nights, each begun when all writers are there."""
    for number in range(rounds):
        barrier.wait()
        ends.put((number, run_in_words(place.numbered(number), version=version)))


def main(place: Place, writers: int, rounds: int) -> list[list[str]]:
    # One night before the fork, so that every late import is done once.
    run_in_words(place.numbered(rounds))
    barrier, ends = FORK.Barrier(writers), FORK.SimpleQueue()
    processes = [
        FORK.Process(target=race, args=(place, str(1 + number % 2), rounds, barrier, ends)) for number in range(writers)
    ]
    for process in processes:
        process.start()
    said = [ends.get() for _ in range(writers * rounds)]
    for process in processes:
        process.join()
    return [[end for number, end in said if number == round_] for round_ in range(rounds)]


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(main(Place(**asked["place"]), asked["writers"], asked["rounds"])))
