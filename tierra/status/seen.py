"""What was read from the server and from the stores, as values. Nothing here is judged yet."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tierra.data.partition_states import PartitionState
from tierra.report.index import Run

Level = Literal["red", "amber", "green"]
ORDER: dict[Level, int] = {"red": 0, "amber": 1, "green": 2}
PAUSED, OFF = "PAUSED", "SCHEDULE OFF"  # how the reasons begin that an alarm may give, too
INCOMPLETE = "INCOMPLETE"  # and those that have a line each


class Frozen(BaseModel):
    """A model that cannot change."""

    model_config = ConfigDict(frozen=True)


class Check(Frozen):
    """A health check of what all projects share."""

    name: str
    level: Level
    what: str


class Recurring(Frozen):
    """One schedule of a deployment, and the longest time between two of its runs."""

    text: str
    active: bool = True
    gap_seconds: float | None = None


class DeploymentSeen(Frozen):
    """A deployment on the server."""

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
        """The schedules that are switched off."""
        return tuple(each.text for each in self.schedules if not each.active)


class RunSeen(Frozen):
    """A run on the server."""

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


class WorkerSeen(Frozen):
    """A worker of the pool, and its last heartbeat."""

    name: str
    online: bool
    heartbeat: datetime | None = None


class PoolSeen(Frozen):
    """The work pool and its workers."""

    name: str
    paused: bool = False
    workers: tuple[WorkerSeen, ...] = ()


class Unsent(Frozen):
    """A message that did not arrive: when it was tried last, and why not."""

    moment: datetime
    why: str


class ServerSeen(Frozen):
    """The server's answers; `fault` when not all of them came. `expected` is false where no server was ever named."""

    url: str = ""
    version: str = ""
    fault: str = ""
    expected: bool = True
    ui: str = ""
    deployed: tuple[DeploymentSeen, ...] = ()
    active: tuple[RunSeen, ...] = ()
    late: tuple[RunSeen, ...] = ()
    ended: tuple[RunSeen, ...] = ()
    pool: PoolSeen | None = None
    watched: datetime | None = None  # when a watchdog looked last
    unsent: tuple[Unsent, ...] = ()


class Serving(Frozen):
    """The champion of a project: its version, and when that was registered."""

    version: str
    since: datetime


class Publication(Frozen):
    """The newest partition that is published."""

    partition: str
    rows: int
    quarantined: int
    published_at: str = ""


class ProjectSeen(Frozen):
    """One project in the stores. `champion` is None when there is none; `known` is false when it could not be read."""

    project: str
    schedules: dict[str, tuple[Recurring, ...]] = {}
    late_after_seconds: float = 7200
    runs: tuple[Run, ...] = ()
    champion: Serving | None = None
    known: bool = True
    publication: Publication | None = None
    partitions: tuple[PartitionState, ...] = ()
    clock: datetime | None = None  # now, or the fixed instant of the settings
    timezone: str = "UTC"
    fresh_within_seconds: float | None = None


class StoresSeen(Frozen):
    """The projects in the stores, the broken project files, and the health checks of the stores.

    `refused` are the project files whose name belongs to another one.
    """

    projects: tuple[ProjectSeen, ...] = ()
    wrong: dict[str, str] = {}
    refused: dict[str, str] = {}
    checks: tuple[Check, ...] = ()
