"""A schedule in Prefect's form."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tierra.project.schedule import When

# Intervals count from a fixed midnight, so that deploying again does not move them.
ANCHOR = datetime(2024, 1, 1)


def times_of(when: When) -> dict[str, Any]:
    """Prefect's fields of a cron line or an interval."""
    if when.cron:
        return {"cron": when.cron}
    assert when.every
    anchor = ANCHOR.replace(tzinfo=ZoneInfo(when.timezone or "UTC"))
    return {"interval": int(when.every / timedelta(seconds=1)), "anchor_date": anchor.isoformat()}
