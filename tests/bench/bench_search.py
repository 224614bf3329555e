"""A search keeps both cores busy: the same trials on one of them and on two."""

import os
from functools import partial
from pathlib import Path

import pytest

from tests.bench.measure import Cost, hold, interleaved, python, show
from tests.builders import CLOCK, ride_spec, rides, write_project

ROWS, TRIALS, ROUNDS = 8_000, 64, 3
FASTER, HELD = 1.7, 1.2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux gives a process fewer processors")
def test_a_search_on_two_cores_against_one(tmp_path: Path) -> None:
    boosting = {"model": "hist_gradient_boosting", "search": {"trials": TRIALS, "pruning": False}}
    candidates = [{"rule": "base_rate"}, boosting]
    write_project(tmp_path / "projects" / "rides", ride_spec(candidates=candidates), rides(ROWS))
    place = {"TIERRA_HOME": str(tmp_path / "var"), "TIERRA_PROJECTS": str(tmp_path / "projects"), "TIERRA_CLOCK": CLOCK}

    def run(processors: int) -> Cost:
        cost, said = python("-m", "tests.bench.search_child", str(processors), env=place)
        assert (said["trials"], said["processes"]) == (TRIALS, processors)
        return Cost(cost.cpu, said["seconds"])

    costs = interleaved({f"{number} processors": partial(run, number) for number in (1, 2)}, ROUNDS)
    show(f"A search of {TRIALS} trials over {ROWS:,} rows, its wall alone", costs)
    one, two = (costs[f"{number} processors"].wall for number in (1, 2))
    hold("search, two cores over one, by the wall", one / two, FASTER, HELD, " x", least=True)
