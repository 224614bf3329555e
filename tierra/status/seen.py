"""What was looked at, as values: the server's answers and the stores' contents. Nothing here judges."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tierra.report.index import Run

Level = Literal["red", "amber", "green"]


class Seen(BaseModel):
    """A frozen value."""

    model_config = ConfigDict(frozen=True)


class Check(Seen):
    """One thing that must hold for all projects, and whether it does."""

    name: str
    level: Level
    what: str


class Recurring(Seen):
    """One schedule of a deployment, and the longest time between two of its runs."""

    text: str
    active: bool = True
    gap_seconds: float | None = None


class Deployed(Seen):
    """A deployment as the server has it."""

    id: str
    flow: str
    project: str
    paused: bool = False
    schedules: tuple[Recurring, ...] = ()
    created: datetime | None = None
    next_run: datetime | None = None
    url: str = ""

    @property
    def name(self) -> str:
        """Flow and project, as Prefect writes them."""
        return f"{self.flow}/{self.project}"

    @property
    def switched_off(self) -> tuple[str, ...]:
        """The schedules that a person or an automation switched off."""
        return tuple(each.text for each in self.schedules if not each.active)


class RunSeen(Seen):
    """A run as the server has it."""

    id: str
    flow: str
    project: str
    kind: str
    state: str
    message: str = ""
    expected: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    url: str = ""


class WorkerSeen(Seen):
    """A worker of the pool, and when it was last heard of."""

    name: str
    online: bool
    heartbeat: datetime | None = None


class PoolSeen(Seen):
    """The work pool and its workers."""

    name: str
    paused: bool = False
    workers: tuple[WorkerSeen, ...] = ()


class ServerSeen(Seen):
    """What the server said; `fault` when it did not answer, or not to the end."""

    url: str = ""
    version: str = ""
    fault: str = ""
    ui: str = ""
    deployed: tuple[Deployed, ...] = ()
    active: tuple[RunSeen, ...] = ()
    late: tuple[RunSeen, ...] = ()
    ended: tuple[RunSeen, ...] = ()
    pool: PoolSeen | None = None


class Serving(Seen):
    """The champion of a project: its version, and when that was registered."""

    version: str
    since: datetime


class Publication(Seen):
    """The newest partition that is published."""

    partition: str
    rows: int
    quarantined: int
    published_at: str = ""


class ProjectSeen(Seen):
    """What the stores say of one project. `champion` is None when there is none, `known` whether that could be read."""

    project: str
    schedules: dict[str, tuple[Recurring, ...]] = {}
    late_after_seconds: float = 7200
    runs: tuple[Run, ...] = ()
    champion: Serving | None = None
    known: bool = True
    publication: Publication | None = None


class StoresSeen(Seen):
    """What the stores say: each project, what is wrong with a project's file, and whether the stores can be used."""

    projects: tuple[ProjectSeen, ...] = ()
    wrong: dict[str, str] = {}
    checks: tuple[Check, ...] = ()
