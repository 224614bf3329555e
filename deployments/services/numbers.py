"""The numbers of every project for a monitor, in the text form of Prometheus: from the stores and the runs' records.

They are read when somebody asks, and kept for some seconds. No label holds anything but names of projects, flows,
outcomes and checks.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from threading import Lock
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from tierra import __version__
from tierra.report.index import Run
from tierra.status.composing import age_of
from tierra.status.runs import IGNORED_OUTCOMES
from tierra.status.seen import ORDER, ProjectSeen, StoresSeen

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
KEPT_SECONDS: Final = 15.0
FLOW: Final = ("project", "flow")
# Of each: its name, what it is, and its labels.
GAUGES: Final = {
    "tierra_last_run_timestamp_seconds": ("When the newest run ended.", FLOW),
    "tierra_last_success_timestamp_seconds": ("When the newest run ended that did not fail.", FLOW),
    "tierra_last_run_duration_seconds": ("How long the newest run took.", FLOW),
    "tierra_last_run_retries": ("How often the newest run tried something again.", FLOW),
    "tierra_last_run_failed": ("1 where the newest run failed.", FLOW),
    "tierra_published_rows": ("Rows of the newest published partition.", ("project",)),
    "tierra_quarantined_rows": ("Rows set aside of the newest published partition.", ("project",)),
    "tierra_newest_partition_age_seconds": (
        "Since the newest published day ended.",
        ("project",),
    ),
    "tierra_champion_age_seconds": ("Since the model that serves was promoted.", ("project",)),
    "tierra_project_readable": ("0 where the project file is wrong.", ("project",)),
    "tierra_check_level": ("0 green, 1 amber, 2 red.", ("check",)),
}

Sample = tuple[str, tuple[str, ...], float]


class Numbers(Collector):
    """What a monitor asks for; `read` reads the stores. Runs are counted as long as this process lives."""

    def __init__(self, read: Callable[[], StoresSeen], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._read, self._now, self._lock = read, now, Lock()
        self._counted: Counter[tuple[str, ...]] = Counter()
        self._known: dict[str, set[tuple[str, ...]]] = {}
        self._kept: tuple[float, bytes] | None = None

    def render(self) -> bytes:
        """All of it as text, at most some seconds old. Raises what reading raises."""
        with self._lock:  # who asks meanwhile waits, and is given the same
            if self._kept is None or time.monotonic() - self._kept[0] > KEPT_SECONDS:
                text = generate_latest(self)
                self._kept = time.monotonic(), text
            return self._kept[1]

    def collect(self) -> Iterator[Metric]:
        """Read, and yield each metric with its samples."""
        seen, now = self._read(), self._now()
        for project in seen.projects:
            self._count(project)
        about = GaugeMetricFamily("tierra_build_info", "The version that serves these numbers.", labels=["version"])
        about.add_metric([__version__], 1)
        yield about
        yield from _gauges(_samples(seen, now))
        total = CounterMetricFamily("tierra_run_outcomes", "Runs by their end.", labels=[*FLOW, "outcome"])
        for labels, count in sorted(self._counted.items()):
            total.add_metric(labels, count)
        yield total

    def _count(self, project: ProjectSeen) -> None:
        """Count each record once: those that are read are the newest, so what left them does not come back."""
        runs = {_identity(run) for run in project.runs if run.outcome not in IGNORED_OUTCOMES}
        for flow, outcome, *_ in runs - self._known.get(project.project, set()):
            self._counted[project.project, flow, outcome] += 1
        self._known[project.project] = runs


def _identity(run: Run) -> tuple[str, ...]:
    return run.flow, run.outcome, run.flow_run_id, run.moment, str(run.ended)


def _gauges(samples: Iterable[Sample]) -> Iterator[Metric]:
    found = [*samples]
    for name, (about, labels) in GAUGES.items():
        family = GaugeMetricFamily(name, about, labels=labels)
        for values, number in ((values, number) for each, values, number in found if each == name):
            family.add_metric(values, number)
        yield family


def _samples(seen: StoresSeen, now: datetime) -> Iterator[Sample]:
    for check in seen.checks:
        yield "tierra_check_level", (check.name,), ORDER["green"] - ORDER[check.level]
    for name in seen.wrong:
        yield "tierra_project_readable", (name,), 0
    for project in seen.projects:
        yield "tierra_project_readable", (project.project,), 1
        for name, number in (*_published(project), *_serving(project, now)):
            yield name, (project.project,), number
        for flow in sorted({run.flow for run in project.runs}):
            for name, number in _last_run([run for run in project.runs if run.flow == flow]):
                yield name, (project.project, flow), number


def _published(project: ProjectSeen) -> Iterator[tuple[str, float]]:
    if not (newest := project.publication):
        return
    yield "tierra_published_rows", newest.rows
    yield "tierra_quarantined_rows", newest.quarantined
    age = age_of(project, newest.partition)
    if age is None and project.clock and (at := _moment(newest.published_at)):
        age = (project.clock - at).total_seconds()  # what has no days
    if age is not None:
        yield "tierra_newest_partition_age_seconds", age


def _serving(project: ProjectSeen, now: datetime) -> Iterator[tuple[str, float]]:
    if project.champion:
        yield "tierra_champion_age_seconds", (now - project.champion.since).total_seconds()


def _last_run(runs: list[Run]) -> Iterator[tuple[str, float]]:
    """Of the records of one flow; one of an older version does not say to the second when its run ended."""
    ends = [run for run in runs if run.ended and run.outcome not in IGNORED_OUTCOMES]
    if not ends:
        return
    last = ends[0]
    yield "tierra_last_run_timestamp_seconds", _stamp(last)
    yield "tierra_last_run_duration_seconds", last.seconds
    yield "tierra_last_run_retries", last.retries
    yield "tierra_last_run_failed", last.mood == "bad"
    if well := [run for run in ends if run.mood != "bad"]:
        yield "tierra_last_success_timestamp_seconds", _stamp(well[0])


def _stamp(run: Run) -> float:
    return run.ended.timestamp() if run.ended else 0.0


def _moment(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None
