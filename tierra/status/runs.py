"""The facts of one flow's runs: last end, successes, durations. From records, else from the server."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from statistics import quantiles
from typing import Any

from tierra.data.completeness import Finding, Kind
from tierra.report.finished_run import NO_RECEIPT
from tierra.report.index import Run
from tierra.status.seen import Frozen, RunSeen
from tierra.status.words import first_line

DAY = timedelta(hours=24)
DURATION_RUNS = 20
ERROR_LENGTH = 200
# Ends of runs that people start by hand say nothing about the schedule.
IGNORED_OUTCOMES = ("DryRun", "InvalidCall")
MOMENT_FORMAT = "%Y-%m-%d %H:%M:%S UTC"


class RunEnd(Frozen):
    """How one run ended, by its record or by the server."""

    moment: datetime
    outcome: str
    mood: str
    error: str = ""
    link: str = ""
    seconds: float | None = None
    retries: int = 0
    missing: tuple[Finding, ...] | None = None
    newest: str = ""
    receipt: str = ""
    lost: str = ""
    sentence: str = ""


def run_ends(runs: Iterable[Run], seen: Iterable[RunSeen], ui: str) -> list[RunEnd]:
    """Every end, newest first. A record counts before what the server says of the same run."""
    recorded = {run.flow_run_id for run in runs}
    known = [end for run in runs if run.outcome not in IGNORED_OUTCOMES and (end := _from_record(run, ui))]
    others = [
        _from_server(run) for run in seen if run.id not in recorded and run.ended and run.state not in IGNORED_OUTCOMES
    ]
    return sorted([*known, *others], key=lambda end: end.moment, reverse=True)


def run_facts(ends: Sequence[RunEnd], now: datetime) -> dict[str, Any]:
    """The facts that follow from the ends, by the names of `FlowFacts`."""
    facts: dict[str, Any] = {}
    if ends:
        last = ends[0]
        facts |= {"last_outcome": last.outcome, "last_mood": last.mood, "last_ended": last.moment,
                  "error": last.error, "link": last.link, "receipt": last.receipt, "receipt_lost": last.lost,
                  "last_sentence": last.sentence}  # fmt: skip
    recent = [end for end in ends if now - end.moment < DAY]
    p50, p95 = _durations(
        [end.seconds for end in ends if end.mood != "bad" and end.seconds is not None][:DURATION_RUNS]
    )
    return (
        facts
        | _missing_facts(ends)
        | {
            "last_success": next((end.moment for end in ends if end.mood != "bad"), None),
            "crashed_24h": sum(end.outcome == "Crashed" for end in recent),
            "retries_24h": sum(end.retries for end in recent),
            "p50_seconds": p50,
            "p95_seconds": p95,
        }
    )


def _missing_facts(ends: Sequence[RunEnd]) -> dict[str, Any]:
    """What the last run that looked at all days found missing, and since which run each kind of it is."""
    looked = [end for end in ends if end.missing is not None]
    if not looked:
        return {}
    last = looked[0]
    kinds = dict.fromkeys(each.kind for each in last.missing or ())
    return {"missing": last.missing, "newest": last.newest, "missing_since": {k: _since(looked, k) for k in kinds}}


def _since(looked: Sequence[RunEnd], kind: Kind) -> datetime:
    """The first of the latest runs in a row that found such a thing."""
    found = takewhile(lambda end: any(each.kind == kind for each in end.missing or ()), looked)
    return min(end.moment for end in found)


def _durations(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    """The median and the 95th percentile, interpolated."""
    if len(seconds) < 2:
        return (seconds[0], seconds[0]) if seconds else (None, None)
    cuts = quantiles(seconds, n=100, method="inclusive")
    return round(cuts[49], 3), round(cuts[94], 3)


def _from_record(run: Run, ui: str) -> RunEnd | None:
    bad, moment = run.mood == "bad", run.ended or _moment(run.moment)
    if moment is None:
        return None
    return RunEnd(
        moment=moment, outcome=run.outcome, mood=run.mood, seconds=run.seconds, retries=run.retries,
        error=first_line(run.error or run.sentence, ERROR_LENGTH) if bad else "",
        link=f"{ui}/runs/flow-run/{run.flow_run_id}" if ui and run.flow_run_id else "",
        missing=run.missing, newest=run.newest, receipt=run.receipt or "", sentence=run.sentence,
        lost="its page is not there; see the log" if run.receipt == "" else "",
    )  # fmt: skip


def _moment(written: str) -> datetime | None:
    try:
        return datetime.strptime(written, MOMENT_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _from_server(run: RunSeen) -> RunEnd:
    """A completed run without a record is one whose receipt could not be written, or is gone."""
    assert run.ended
    good = run.kind == "completed"
    _, is_lost, why = run.message.rpartition(NO_RECEIPT)
    return RunEnd(
        moment=run.ended,
        outcome=run.state,
        mood="quiet" if good else "bad",
        error="" if good else first_line(run.message, ERROR_LENGTH),
        link=run.url,
        lost=first_line(why.lstrip(": "), ERROR_LENGTH) if is_lost else "",
        sentence=first_line(run.message, ERROR_LENGTH),
        seconds=(run.ended - run.started).total_seconds() if run.started else None,
    )
