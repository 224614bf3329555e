"""A deployment's schedules as the server gives them, each with the longest time between two of its runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from typing import Any

from pydantic import ValidationError

from tierra.project.schedule import When, longest_gap
from tierra.status.seen import Recurring

RUNS = 60  # of a rule of dates, which people make by hand in the UI


def read_schedule(stored: dict[str, Any]) -> Recurring:
    """A schedule of a deployment, as the server's API gives it."""
    said = stored["schedule"]
    if "cron" in said:
        zone = said.get("timezone") or "UTC"
        text, gap = f"{said['cron']} {zone}", _cron_gap(said["cron"], zone)
    elif "interval" in said:
        text, gap = f"every {timedelta(seconds=said['interval'])}", said["interval"]
    else:
        text, gap = said["rrule"], _rrule_gap(said)
    return Recurring(text=text, active=stored["active"], gap_seconds=gap)


@cache
def _cron_gap(cron: str, timezone: str) -> float | None:
    """Nothing to wait for in a line that only Prefect reads: it was made by hand."""
    try:
        gap = longest_gap([When(cron=cron, timezone=timezone)], datetime.now(UTC))
    except ValidationError:
        return None
    return gap.total_seconds() if gap else None


def _rrule_gap(said: dict[str, Any]) -> float | None:
    from prefect.client.schemas.schedules import RRuleSchedule

    coming: Iterator[datetime] = RRuleSchedule(**said).to_rrule().xafter(datetime.now(UTC))
    steps = [after - before for before, after in pairwise(islice(coming, RUNS))]
    return max(steps).total_seconds() if steps else None
