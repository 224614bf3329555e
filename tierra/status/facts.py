"""The facts of one flow of one project, and the whole status, as `tierra status --json` prints it."""

from collections.abc import Iterator
from datetime import datetime

from tierra.data.completeness import Finding, Kind
from tierra.data.partition_states import PartitionState
from tierra.outcomes.outcome import Ended
from tierra.status.seen import INCOMPLETE, OFF, ORDER, PAUSED, Check, Frozen, Level
from tierra.status.words import length

RED = 5  # the exit code of a status in which anything is red


class FlowFacts(Frozen):
    """Everything known of one flow of one project, before it is judged."""

    project: str
    flow: str
    schedule: tuple[str, ...] = ()
    gap_seconds: float | None = None
    late_after_seconds: float = 7200
    deployed: bool | None = None
    paused: bool = False
    switched_off: tuple[str, ...] = ()
    since: datetime | None = None
    last_success: datetime | None = None
    last_outcome: str = ""
    last_mood: str = ""
    last_ended: datetime | None = None
    error: str = ""
    link: str = ""
    next_run: datetime | None = None
    running_since: datetime | None = None
    waiting_since: datetime | None = None
    late: int = 0
    late_since: datetime | None = None
    crashed_24h: int = 0
    retries_24h: int = 0
    p50_seconds: float | None = None
    p95_seconds: float | None = None
    champion: str | None = None
    champion_since: datetime | None = None
    partition: str = ""
    rows: int | None = None
    quarantined: int | None = None
    newest: str = ""
    newest_age_seconds: float | None = None
    fresh_within_seconds: float | None = None
    receipt: str = ""
    receipt_lost: str = ""
    last_sentence: str = ""
    missing: tuple[Finding, ...] = ()
    missing_since: dict[Kind, datetime] = {}
    partitions: tuple[PartitionState, ...] = ()

    @property
    def name(self) -> str:
        """Flow and project, as Prefect writes them."""
        return f"{self.flow}/{self.project}"


class Judgement(Frozen):
    """A level and every reason for it, the worst first."""

    level: Level
    reasons: tuple[str, ...]


class FlowStatus(FlowFacts):
    """One flow of one project, judged."""

    level: Level
    reasons: tuple[str, ...]


class Alarm(Frozen):
    """An alert line: what is wrong, and what to do about it."""

    level: Level
    subject: str
    what: str
    remedy: str = ""
    link: str = ""
    receipt: str = ""  # below the folder of receipts


class Status(Ended):
    """The status of every flow and of the installation, the worst first."""

    format: int = 1
    moment: datetime
    level: Level
    health: tuple[Check, ...]
    alarms: tuple[Alarm, ...]
    flows: tuple[FlowStatus, ...]

    @property
    def name(self) -> str:
        """Whether anything needs a person."""
        return "AllWell" if self.level == "green" else "NeedsAttention"

    @property
    def sentence(self) -> str:
        """The level and who needs attention, in one line."""
        return f"{self.level.upper() if self.level != 'green' else self.level}: {self.summary}"

    @property
    def summary(self) -> str:
        """Who needs attention, in one line."""
        names = list(dict.fromkeys(line.subject for line in self.alerts))
        if not names:
            return f"all {len(self.flows)} flows and the installation are healthy"
        return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")

    @property
    def alerts(self) -> list[Alarm]:
        """The alert lines: alarms, failed health checks and every flow that is not green, the worst first."""
        checks = [Alarm(level=each.level, subject=each.name, what=each.what) for each in self.health]
        named = {alarm.subject for alarm in self.alarms}
        lines = [*self.alarms, *checks, *(line for flow in self.flows for line in _alert(flow, flow.name in named))]
        return sorted((line for line in lines if line.level != "green"), key=lambda line: ORDER[line.level])

    @property
    def newest_days(self) -> str:
        """The newest day that was ready at each project's source when a run last looked at all days, and its age."""
        return ", ".join(f"{flow.project} {flow.newest}{_age(flow)}" for flow in self.flows if flow.newest)

    @property
    def exit_code(self) -> int:
        """5 when anything is red: the run itself succeeded."""
        return RED if self.level == "red" else 0


def _age(flow: FlowStatus) -> str:
    age = flow.newest_age_seconds
    return f" (ended {length(age)} ago)" if age is not None and age >= 0 else ""


def _alert(flow: FlowStatus, named: bool) -> Iterator[Alarm]:
    """The line of one flow, less what an alarm of its name says already, and one for each kind that is missing."""
    reasons = [why for why in flow.reasons if not (named and why.startswith((PAUSED, OFF)))]
    whole = [why for why in reasons if not why.startswith(INCOMPLETE)]
    if whole:
        link = flow.link if flow.error else ""
        receipt = f"{flow.project}/{flow.receipt}" if flow.error and flow.receipt else ""
        yield Alarm(level=flow.level, subject=flow.name, what="; ".join(whole), link=link, receipt=receipt)
    for why in reasons:
        if why not in whole:
            yield Alarm(level=flow.level, subject=flow.name, what=why)
