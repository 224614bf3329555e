"""The facts of one flow of one project, and the whole: what `tierra status --json` prints."""

from datetime import datetime

from tierra.outcomes import Ended
from tierra.status.seen import Check, Level, Seen

RED = 5  # the exit code of a status in which anything is red


class FlowFacts(Seen):
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

    @property
    def name(self) -> str:
        """Flow and project, as Prefect writes them."""
        return f"{self.flow}/{self.project}"


class Judgement(Seen):
    """A level, and every reason for it in words, the worst first."""

    level: Level
    reasons: tuple[str, ...]


class FlowStatus(FlowFacts):
    """One flow of one project, judged."""

    level: Level
    reasons: tuple[str, ...]


class Alarm(Seen):
    """What is said in a line of its own, and what to do about it."""

    level: Level
    subject: str
    what: str
    remedy: str = ""
    link: str = ""


class Paused(Seen):
    """A deployment that will not run by itself."""

    id: str
    flow: str
    project: str
    why: str


class Status(Ended):
    """How everything stands, the worst first: what looking at it ends with."""

    format: int = 1
    moment: datetime
    level: Level
    health: tuple[Check, ...]
    alarms: tuple[Alarm, ...]
    flows: tuple[FlowStatus, ...]
    paused: tuple[Paused, ...] = ()

    @property
    def name(self) -> str:
        """Whether anything needs a person."""
        return "AllWell" if self.level == "green" else "NeedsAttention"

    @property
    def sentence(self) -> str:
        """The whole in one line."""
        from tierra.status.page import headline

        return headline(self)

    @property
    def exit_code(self) -> int:
        """RED when anything is red: looking went well all the same."""
        return RED if self.level == "red" else 0
