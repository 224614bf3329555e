"""What is done about a run, by what is seen of it; and that nothing is done about one that lives."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deployments.watchdog.judging import AWAITING_SLOT, FreeSlots, SetState, judge, needs_history
from deployments.watchdog.runs import Run, Signs
from tests.cases import each, some_of

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
SILENCE = timedelta(seconds=180)
HERE = "this-machine"


def a_run(kind: str = "RUNNING", seconds: float = 3600, **more: Any) -> Run:
    given = {"id": "a", "name": "score-rides", "state": kind.title(), "state_id": "s", "deployment": "d", **more}
    return Run(kind=kind, since=NOW - timedelta(seconds=seconds), **given)


def signs(heard: float | None = None, listening: float = 86_400, **more: Any) -> Signs:
    beats = {} if heard is None else {"a": NOW - timedelta(seconds=heard)}
    return Signs(HERE, NOW - timedelta(seconds=listening), SILENCE, heartbeats=beats, **more)


def done(run: Run, seen: Signs) -> tuple[str, str] | None:
    match judge([run], seen, NOW):
        case []:
            return None
        case [SetState(kind=kind, name=name)]:
            return kind, name
    raise AssertionError("one action a run")


CRASHED, AGAIN = ("CRASHED", "Crashed"), ("SCHEDULED", "AwaitingRetry")
GIVEN_UP, CANCELLED = ("FAILED", "GivenUp"), ("CANCELLED", "Cancelled")
LOCAL = {"worker": HERE, "pid": 7}
ALIVE = signs(processes=frozenset({"a"}))
CASES = {
    "a process here": (a_run(**LOCAL), ALIVE, None),
    "a process here, by hand": (a_run(deployment=None), ALIVE, None),
    "another's process that cannot be read": (a_run(**LOCAL), signs(pids=frozenset({7})), None),
    "its process is gone": (a_run(seconds=10, **LOCAL), signs(heard=5), CRASHED),
    "its process was just made": (a_run(seconds=2, **LOCAL), signs(), None),
    "paused, its process is gone": (a_run("PAUSED", **LOCAL), signs(), CRASHED),
    "paused, and it polls": (a_run("PAUSED", **LOCAL), ALIVE, None),
    "suspended": (a_run("PAUSED", suspended=True, **LOCAL), signs(), None),
    "cancelling, its process is gone": (a_run("CANCELLING", **LOCAL), signs(), CANCELLED),
    "cancelling, and it lives": (a_run("CANCELLING", **LOCAL), ALIVE, None),
    "elsewhere, heard": (a_run(worker="there", pid=7), signs(heard=100), None),
    "elsewhere, silent": (a_run(worker="there", pid=7), signs(heard=200), CRASHED),
    "elsewhere, never heard": (a_run(seconds=181, worker="there"), signs(), CRASHED),
    "elsewhere, just started": (a_run(seconds=179, worker="there"), signs(), None),
    "here, without a pid": (a_run(seconds=179, worker=HERE), signs(), None),
    "silent, but so was the server": (a_run(worker="there"), signs(heard=3000, listening=100), None),
    "silent, by hand": (a_run(deployment=None, seconds=530), signs(), None),
    "dead, by hand": (a_run(deployment=None, seconds=541), signs(), CRASHED),
    "cancelling elsewhere, silent": (a_run("CANCELLING", worker="there"), signs(heard=200), CANCELLED),
    "crashed": (a_run("CRASHED", seconds=16), signs(), AGAIN),
    "crashed this moment": (a_run("CRASHED", seconds=14), signs(), None),
    "crashed once more": (a_run("CRASHED", seconds=16, restarts=1), signs(), AGAIN),
    "crashed at each start": (a_run("CRASHED", seconds=16, restarts=2), signs(), GIVEN_UP),
    "crashed by hand": (a_run("CRASHED", seconds=16, deployment=None), signs(), None),
    "crashed the day before": (a_run("CRASHED", seconds=86_401), signs(), None),
    "handed out here": (a_run("PENDING", seconds=59, worker=HERE), signs(), None),
    "handed out here, no process": (a_run("PENDING", seconds=61, worker=HERE), signs(), AGAIN),
    "handed out here, slow": (a_run("PENDING", seconds=400, worker=HERE), ALIVE, None),
    "handed out elsewhere": (a_run("PENDING", seconds=299, worker="there"), signs(), None),
    "handed out elsewhere, never started": (a_run("PENDING", seconds=301, worker="there"), signs(), AGAIN),
    "never started, again": (a_run("PENDING", seconds=301, restarts=2), signs(), GIVEN_UP),
    "never started, by hand": (a_run("PENDING", seconds=301, deployment=None), signs(), CRASHED),
    "scheduled": (a_run("SCHEDULED"), signs(), None),
}


def test_each_dead_run_is_mended_and_no_living_one_is_touched() -> None:
    def check(name: str) -> None:
        run, seen, expected = CASES[name]
        assert done(run, seen) == expected

    each(CASES, check)


KINDS = ["RUNNING", "PAUSED", "CANCELLING", "PENDING"]
RUNS = st.builds(
    a_run, st.sampled_from(KINDS), st.floats(0, 90_000), worker=st.sampled_from([HERE, "there", None]),
    pid=st.sampled_from([None, 7]), restarts=st.integers(0, 3), deployment=st.sampled_from([None, "d"]),
)  # fmt: skip


@some_of(500)
@given(RUNS, st.floats(0, 90_000))
def test_a_run_with_a_process_here_is_never_touched(run: Run, listening: float) -> None:
    assert judge([run], signs(listening=listening, processes=frozenset({"a"})), NOW) == []


@some_of(500)
@given(RUNS, st.floats(0, 179))
def test_a_run_elsewhere_that_was_heard_of_is_never_touched(run: Run, heard: float) -> None:
    if run.worker != HERE and run.kind != "PENDING":
        assert judge([run], signs(heard=heard), NOW) == []


@some_of(500)
@given(RUNS)
def test_every_run_that_gives_no_sign_of_life_ends_or_starts_again(run: Run) -> None:
    long_ago = a_run(run.kind, 100_000, worker=run.worker, pid=run.pid, deployment=run.deployment)
    (action,) = judge([long_ago], signs(listening=100_000), NOW)
    assert isinstance(action, SetState)
    assert "\n" not in action.message
    assert action.kind != "SCHEDULED" or run.deployment, "the server cannot start it again"


@some_of(500)
@given(RUNS | st.builds(a_run, st.just("CRASHED"), st.floats(0, 90_000), restarts=st.integers(0, 3)))
def test_restarts_are_read_wherever_they_decide(run: Run) -> None:
    for action in judge([run], signs(), NOW):
        assert isinstance(action, SetState)
        assert action.name not in ("AwaitingRetry", "GivenUp") or needs_history(run, NOW)


def test_slots_are_freed_only_where_no_run_of_the_deployment_can_hold_one() -> None:
    waits = a_run("SCHEDULED", id="w", state=AWAITING_SLOT)
    assert judge([waits], signs(), NOW) == [FreeSlots("d")]
    for kind in ("PENDING", "RUNNING", "CANCELLING"):
        holder = a_run(kind, seconds=1, id="a")
        assert judge([waits, holder], signs(processes=frozenset({"a"})), NOW) == []
    other = a_run(seconds=1, deployment="other")
    assert judge([waits, other], signs(), NOW) == [FreeSlots("d")]
