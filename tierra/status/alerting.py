"""Which lines of a status are sent as alerts, each once a day: what is red, and deployments that do not run."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from tierra.status.facts import Alarm, FlowStatus, Status

# A failed run has sent its own message; that it still fails the day after is another.
FAILED_IS_NEWS: Final = timedelta(hours=20)
# The server alerts of these itself, and sooner; and an alert about alerts that do not arrive would not arrive.
SENT_ELSEWHERE: Final = ("server", "worker", "alerts")


def alerts_to_send(status: Status) -> Iterator[Alarm]:
    """The lines of a status that need a person, without those for which a run has just sent a message."""
    just_failed = {flow.name for flow in status.flows if _has_just_failed(flow, status.moment)}
    for line in status.alerts:
        if line in status.alarms or (line.level == "red" and line.subject not in {*just_failed, *SENT_ELSEWHERE}):
            yield line


def cause_of(line: Alarm) -> str:
    """A key that stays the same while the problem does: the line's first words, without ages and numbers."""
    return " ".join(re.findall(r"[^\W\d_]+", line.what)[:3])


def _has_just_failed(flow: FlowStatus, now: datetime) -> bool:
    return flow.last_mood == "bad" and flow.last_ended is not None and now - flow.last_ended < FAILED_IS_NEWS
