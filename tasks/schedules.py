"""The longest time between two runs of a schedule: what its last success may be old."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, pairwise
from typing import Any, cast
from zoneinfo import ZoneInfo

from tierra.status.seen import Recurring

# Long enough to meet what recurs by the week, the month and the year, whichever the schedule shows.
LEAST_RUNS, LEAST, MOST = 60, timedelta(days=8), timedelta(days=800)
START = datetime(2024, 1, 1)


@cache
def longest_gap(cron: str, timezone: str = "UTC") -> float | None:
    """Seconds between two runs of a cron line, at most, as Prefect reads it; None when it runs once or never."""
    # Another reader of cron lines would have another opinion of some of them.
    from prefect._vendor import croniter

    try:
        times = cast(Any, croniter).croniter(cron, START)
        return _longest(times.get_next(datetime).replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC) for _ in count())
    except ValueError:  # a 31st of February
        return None


def read_schedule(stored: dict[str, Any]) -> Recurring:
    """A schedule of a deployment, as the server's API gives it."""
    said = stored["schedule"]
    if "cron" in said:
        zone = said.get("timezone") or "UTC"
        text, gap = f"{said['cron']} {zone}", longest_gap(said["cron"], zone)
    elif "interval" in said:
        text, gap = f"every {timedelta(seconds=said['interval'])}", said["interval"]
    else:
        text, gap = said["rrule"], _rrule_gap(said)
    return Recurring(text=text, active=stored["active"], gap_seconds=gap)


def _rrule_gap(said: dict[str, Any]) -> float | None:
    from prefect.client.schemas.schedules import RRuleSchedule

    rule = RRuleSchedule(**said).to_rrule()
    return _longest(moment.astimezone(UTC) for moment in rule)


def _longest(moments: Iterator[datetime]) -> float | None:
    longest, first = timedelta(0), None
    for number, (one, other) in enumerate(pairwise(moments)):
        first = first or one
        longest = max(longest, other - one)
        if other - first > (LEAST if number >= LEAST_RUNS else MOST):
            break
    return longest.total_seconds() if first else None
