"""What of a status somebody is told of, each once a day: what is red, and what stands still."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from tierra.status.facts import Alarm, FlowStatus, Status

# Who hears that a run failed is not told again the same day; that it is still so the day after, yes.
FAILED_IS_NEWS: Final = timedelta(hours=20)
# The server says these itself, and sooner; and what cannot be sent cannot be told.
TOLD_ELSEWHERE: Final = ("server", "worker", "alerts")


def lines_to_tell(status: Status) -> Iterator[Alarm]:
    """The lines of a status that need a person today, less those that a run's own message has said."""
    said = {flow.name for flow in status.flows if _has_just_failed(flow, status.moment)}
    for line in status.alerts:
        if line in status.alarms or (line.level == "red" and line.subject not in {*said, *TOLD_ELSEWHERE}):
            yield line


def cause_of(line: Alarm) -> str:
    """What a line says whenever it says the same: its first words, without ages and numbers."""
    return " ".join(re.findall(r"[^\W\d_]+", line.what)[:3])


def _has_just_failed(flow: FlowStatus, now: datetime) -> bool:
    return flow.last_mood == "bad" and flow.last_ended is not None and now - flow.last_ended < FAILED_IS_NEWS
