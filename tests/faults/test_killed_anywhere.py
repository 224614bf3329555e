"""kill -9 and SIGTERM at every point of every sink, and kill -9 at random times: all or nothing, and the next night."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.faults.conftest import ALL, KINDS, Survived
from tests.faults.publishing import Place

pytestmark = pytest.mark.timeout(900)
COMPLETE = "generation 1"
EVERY = {"kill": 1 if ALL else 3, "terminate": 4 if ALL else 12}
RANDOM = 13 if ALL else 5


def stop(place: Place, what: str, every: int) -> list[dict[str, Any]]:
    asked = json.dumps({"place": place.plain(), "what": what, "every": every})
    command = [sys.executable, "-m", "tests.faults.child", asked]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


def holds(case: dict[str, Any]) -> bool:
    """Nothing or all was seen; the next run published what was missing; the third had nothing to do."""
    was_there = case["seen"] == COMPLETE
    retried = "already" if was_there else "published"
    return bool(
        case["seen"] in ("nothing", COMPLETE)
        and (case["retried"], case["after"]) == (retried, COMPLETE)
        and (case["third"], case["at last"]) == ("already", COMPLETE)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("what", "number"), [("kill", 9), ("terminate", 15)])
def test_stopped_at_any_point_it_shows_all_or_nothing_and_the_next_night_completes_it(
    kind: str, what: str, number: int, place_of: Callable[[str], Place], survived: Survived
) -> None:
    cases = stop(place_of(kind), what, EVERY[what])
    assert cases
    for case in cases:
        survived(kind, {"kill": "kill -9 at a point", "terminate": "SIGTERM at a point"}[what], holds(case))
        assert case["signal"] == number, case
        assert holds(case), json.dumps(case)
    if EVERY[what] == 1:
        assert {case["seen"] for case in cases} == {"nothing", COMPLETE}, "the points are before and after the manifest"


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_a_random_time_it_shows_all_or_nothing(
    kind: str, place_of: Callable[[str], Place], survived: Survived
) -> None:
    for case in stop(place_of(kind), "random", RANDOM):
        survived(kind, "kill -9 at a random time", holds(case))
        assert holds(case), case
