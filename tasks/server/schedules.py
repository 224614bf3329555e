"""The schedules of a deployment on the server, each with the longest time between two of its runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from typing import Any

from prefect.client.schemas.schedules import RRuleSchedule
from pydantic import ValidationError

from tierra.project.schedule import When, longest_gap
from tierra.status.seen import Recurring

RULE_RUNS = 60  # looked at for an rrule, which people make by hand in the UI


def read_schedule(stored: dict[str, Any]) -> Recurring:
    """Read a schedule from the server's API."""
    rule = stored["schedule"]
    if "cron" in rule:
        zone = rule.get("timezone") or "UTC"
        text, gap = f"{rule['cron']} {zone}", _cron_gap(rule["cron"], zone)
    elif "interval" in rule:
        text, gap = f"every {timedelta(seconds=rule['interval'])}", rule["interval"]
    else:
        text, gap = rule["rrule"], _rrule_gap(rule)
    return Recurring(text=text, active=stored["active"], gap_seconds=gap)


@cache
def _cron_gap(cron: str, timezone: str) -> float | None:
    """The longest gap; None for a line that only Prefect can read, which was made by hand."""
    try:
        gap = longest_gap([When(cron=cron, timezone=timezone)], datetime.now(UTC))
    except ValidationError:
        return None
    return gap.total_seconds() if gap else None


def _rrule_gap(rule: dict[str, Any]) -> float | None:
    coming: Iterator[datetime] = RRuleSchedule(**rule).to_rrule().xafter(datetime.now(UTC))
    steps = [after - before for before, after in pairwise(islice(coming, RULE_RUNS))]
    return max(steps).total_seconds() if steps else None
