"""What the runs of one flow say: the last end, successes, durations. Records first; the server where there are none."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

from tierra.report.index import Run
from tierra.status.seen import RunSeen, Seen
from tierra.status.words import first_line

DAY = timedelta(hours=24)
LAST = 20
# What a person tried is no sign of how the schedule goes.
TRIED = ("DryRun", "InvalidCall")
FORMAT = "%Y-%m-%d %H:%M:%S UTC"


class End(Seen):
    """How one run ended, whoever knows it."""

    moment: datetime
    outcome: str
    mood: str
    error: str = ""
    link: str = ""
    seconds: float | None = None
    retries: int = 0


def ends_of(runs: Iterable[Run], seen: Iterable[RunSeen], ui: str) -> list[End]:
    """Every end, newest first. A run of which there is a record is told by its record alone."""
    recorded = {run.flow_run_id for run in runs}
    known = [end for run in runs if run.outcome not in TRIED and (end := _recorded(run, ui))]
    others = [_seen(run) for run in seen if run.id not in recorded and run.ended and run.state not in TRIED]
    return sorted([*known, *others], key=lambda end: end.moment, reverse=True)


def told_by(ends: Sequence[End], now: datetime) -> dict[str, Any]:
    """What the ends tell, by the names of the facts."""
    facts: dict[str, Any] = {}
    if ends:
        last = ends[0]
        facts |= {"last_outcome": last.outcome, "last_mood": last.mood, "last_ended": last.moment,
                  "error": last.error, "link": last.link}  # fmt: skip
    recent = [end for end in ends if now - end.moment < DAY]
    p50, p95 = _durations([end.seconds for end in ends if end.mood != "bad" and end.seconds is not None][:LAST])
    return facts | {
        "last_success": next((end.moment for end in ends if end.mood != "bad"), None),
        "crashed_24h": sum(end.outcome == "Crashed" for end in recent),
        "retries_24h": sum(end.retries for end in recent),
        "p50_seconds": p50,
        "p95_seconds": p95,
    }


def _durations(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    """The median and the 95th percentile, between neighbours where need be."""
    if len(seconds) < 2:
        return (seconds[0], seconds[0]) if seconds else (None, None)
    cuts = quantiles(seconds, n=100, method="inclusive")
    return round(cuts[49], 3), round(cuts[94], 3)


def _recorded(run: Run, ui: str) -> End | None:
    bad, moment = run.mood == "bad", run.ended or _moment(run.moment)
    if moment is None:
        return None
    return End(
        moment=moment, outcome=run.outcome, mood=run.mood, seconds=run.seconds, retries=run.retries,
        error=first_line(run.error or run.sentence) if bad else "",
        link=f"{ui}/runs/flow-run/{run.flow_run_id}" if ui and run.flow_run_id else "",
    )  # fmt: skip


def _moment(written: str) -> datetime | None:
    try:
        return datetime.strptime(written, FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _seen(run: RunSeen) -> End:
    """A completed run without a record is one whose receipt could not be written, or is gone."""
    assert run.ended
    good = run.kind == "completed"
    return End(
        moment=run.ended,
        outcome=run.state,
        mood="quiet" if good else "bad",
        error="" if good else first_line(run.message),
        link=run.url,
        seconds=(run.ended - run.started).total_seconds() if run.started else None,
    )
