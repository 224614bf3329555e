"""What a run costs on the warm worker and in an interpreter of its own: on the same worker, interleaved."""

import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from tests.bench.measure import Cost, beside_a_second_run, hold, interleaved, show
from tests.bench.runs import Meter, delays, now, p95, schedule
from tests.e2e.warm_checkout import WarmCheckout, warm_checkout

ROUNDS, ROWS, AT_ONCE = 5, 800, 20
KINDS = ("warm", "ordinary")
EMPTY = """
from prefect import flow, task

@task
def nothing() -> None: ...

@flow
def empty() -> None:
    for _ in range(10):
        nothing()
"""
# Published by one run each, in this order.
DAYS = iter([f"2024-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)])


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meter]:
    """A server on SQLite and a worker; of each deployment one that is forked and one as Prefect starts it."""
    settings = {"TIERRA_CLOCK": "2024-04-29T03:00:00+00:00"}
    with warm_checkout(tmp_path_factory.mktemp("warm"), rows=120 * ROWS, **settings) as here:
        (here.folder / "flows" / "empty.py").write_text(EMPTY)
        found = here.ops.deployment("score/rides")
        put(here, "score", found | {"parameters": {"project": "rides"}})
        put(here, "empty", found | {"parameters": {}, "parameter_openapi_schema": {}})
        meter = Meter(here, here.start())
        print(f"\na worker that waits, looking every second: {meter.rest():.3f} s of CPU a second")
        yield meter


def put(here: WarmCheckout, flow: str, like: dict[str, object]) -> None:
    """Deployments of a flow, `warm` and `ordinary`, without a limit of runs at once."""
    kept = ("parameters", "pull_steps", "work_pool_name", "parameter_openapi_schema", "tags")
    variables = dict(like["job_variables"])  # type: ignore[call-overload]
    for kind in KINDS:
        if kind == "ordinary":
            variables.pop("command")
        made = {"name": kind, "flow_id": here.ops.ask("/flows/", {"name": flow})["id"], "job_variables": variables,
                "entrypoint": f"flows/{flow}.py:{flow}", **{name: like[name] for name in kept}}  # fmt: skip
        here.ops.ask("/deployments/", made)


def compare(meter: Meter, title: str, flow: str, expected: tuple[str, ...], days: Iterator[str] | None = None) -> Cost:
    """Print both costs; that of the warm one."""

    def run(kind: str) -> Cost:
        return meter.run(f"{flow}/{kind}", expected, **({"partition": next(days)} if days else {}))

    programs = {kind: partial(run, kind) for kind in KINDS}
    programs["warm, beside a second run"] = partial(beside_a_second_run, programs["warm"])
    costs = interleaved(programs, ROUNDS)
    show(title, costs)
    return costs["warm"]


def test_an_empty_flow_and_one_with_nothing_due(meter: Meter) -> None:
    empty = compare(meter, "an empty flow of ten tasks", "empty", ("Completed",))
    meter.run("score/warm", ("Published",))  # the days that are due
    nothing = compare(meter, "a scoring with nothing due", "score", ("NothingDue",))
    hold("nothing due, warm, CPU", nothing.cpu, 2.0, unit=" s")
    print(f"  {nothing.cpu / empty.cpu:.2f} x the empty flow on the same worker")


def test_one_day_published_and_further_days(meter: Meter) -> None:
    one = compare(meter, f"one day of {ROWS} rows published", "score", ("Published",), DAYS)
    hold(f"one day of {ROWS} rows, warm, CPU", one.cpu, 4.0, unit=" s")
    project = meter.here.ops.folder / "projects" / "rides" / "project.yaml"
    text = project.read_text()
    project.write_text(text.replace("lookback: 2d", "lookback: 12d"))
    many = meter.run("score/warm", ("Published",))
    project.write_text(text)
    further = (many.cpu - one.cpu) / 9  # thirteen days, three of them published before
    hold("each further day, warm, CPU", further, 0.3, unit=" s")


def test_how_soon_a_run_begins(meter: Meter) -> None:
    waits = list[float]()
    for _ in range(ROUNDS):
        due = now() + timedelta(seconds=4)
        waits += delays(meter.here.ops, {schedule(meter.here.ops, "empty/warm", due): due})
        asked = now()
        clicked = delays(meter.here.ops, {meter.here.ops.run("empty/warm"): asked})
        print(f"  scheduled: after {waits[-1]:.2f} s; asked for: after {clicked[0]:.2f} s (looked for every second)")
    hold("scheduled time to Running, warm", sorted(waits)[len(waits) // 2], 2.0, unit=" s")


@pytest.mark.parametrize("kind", KINDS)
def test_many_due_at_one_moment(meter: Meter, kind: str) -> None:
    due, began = now() + timedelta(seconds=5), time.perf_counter()
    late = delays(meter.here.ops, {schedule(meter.here.ops, f"score/{kind}", due): due for _ in range(AT_ONCE)})
    print(f"\n{AT_ONCE} runs due at once, {kind}, on SQLite: all ended after {time.perf_counter() - began:.0f} s")
    if kind == "warm":
        hold(f"{AT_ONCE} runs due at once, p95 of the start delay", p95(late), 40.0, unit=" s")
    else:
        print(f"  start delay p95 {p95(late):.1f} s")
