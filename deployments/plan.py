"""The plan: which deployments the projects ask for. Pure: projects in, deployments out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tierra.environment import QUIET
from tierra.project.project import Project
from tierra.project.schedule import When, longest_gap

POOL = "tierra"
# Every deployment of ours carries it; what carries it and is not planned is removed from the server.
TAG = "tierra"
# Prefect's least is 30 s; a run is taken for dead after three silent ones.
HEARTBEAT_SECONDS = 60
UPKEEP = "Refreshes the page that says how every project does"


@dataclass(frozen=True)
class Deployment:
    """One flow of one project, and when it runs."""

    flow: str
    project: str
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)
    times: tuple[When, ...] = ()
    late_after: timedelta = timedelta(hours=2)
    tags: tuple[str, ...] = ()
    heartbeat_seconds: int = HEARTBEAT_SECONDS

    @property
    def name(self) -> str:
        """Flow and deployment, as Prefect writes them."""
        return f"{self.flow}/{self.project}"

    @property
    def entrypoint(self) -> str:
        """The file and the function, as Prefect finds them."""
        return f"flows/{self.flow}.py:{self.flow}"

    @property
    def environment(self) -> dict[str, str]:
        """What the processes of its runs have in their environment."""
        return QUIET | {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(self.heartbeat_seconds)}

    def expected_within(self, now: datetime | None = None) -> timedelta | None:
        """The longest time that may pass between two completed runs; None without a schedule."""
        gap = longest_gap(self.times, now or datetime.now(UTC))
        return gap + self.late_after if gap else None


def plan(projects: Iterable[Project], heartbeat_seconds: int = HEARTBEAT_SECONDS) -> list[Deployment]:
    """Training and scoring of every project, in the order of their names, and the status of all."""
    listed = [_deployment(project, flow, heartbeat_seconds) for project in projects for flow in ("train", "score")]
    return [*listed, _status(heartbeat_seconds)] if listed else []


def load_projects(folder: Path, overlay: str | None = None) -> list[Project]:
    """Every project under a folder. Raises Misconfigured on the first that is wrong."""
    from tierra.project.project import list_projects, load_project

    return [load_project(name, folder, overlay) for name in list_projects(folder)]


def _deployment(project: Project, flow: str, heartbeat_seconds: int) -> Deployment:
    return Deployment(
        flow=flow,
        project=project.name,
        description=project.card.goal,
        # The folder's name is what a flow finds a project by.
        parameters={"project": project.folder.name},
        times=project.schedule.times(flow),
        late_after=project.schedule.late_after,
        tags=(TAG, project.name, *project.schedule.tags),
        heartbeat_seconds=heartbeat_seconds,
    )


def _status(heartbeat_seconds: int) -> Deployment:
    return Deployment(
        flow="status",
        project="all",
        description=UPKEEP,
        times=(When(every=timedelta(minutes=15), timezone="UTC"),),
        late_after=timedelta(minutes=30),
        tags=(TAG,),
        heartbeat_seconds=heartbeat_seconds,
    )
