"""The deployments that the projects ask for. Planning is pure: projects in, deployments out."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.server.names import TAG
from tierra.environment import QUIET
from tierra.project.project import Project, list_projects, load_project
from tierra.project.schedule import When

# Prefect's minimum is 30 s; a run that misses three is taken for crashed.
HEARTBEAT_SECONDS = 60
FLOWS = ("train", "score", "rollback", "shadow")  # of each project; the last where its gate has a shadow
GC_DESCRIPTION = "Removes what nothing needs any more, as `keep` in each project file says"
GC_TIMES = (When(cron="30 5 * * 0", timezone="UTC"),)  # weekly: what one run marks, the next removes
STATUS_DESCRIPTION = "Refreshes the page that says how every project does; the watchdog does so every 15 minutes"


@dataclass(frozen=True)
class Deployment:
    """One flow of one project, and when it runs."""

    flow: str
    project: str
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)
    times: tuple[When, ...] = ()
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
        """Environment variables of its runs."""
        return QUIET | {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(self.heartbeat_seconds)}


def plan(projects: Iterable[Project], heartbeat_seconds: int = HEARTBEAT_SECONDS) -> list[Deployment]:
    """A deployment of each of the flows for each project, in the order of names; one `status` and `gc` for all."""
    listed = [_deployment(project, flow, heartbeat_seconds) for project in projects for flow in _flows(project)]
    return [*listed, _status(heartbeat_seconds), _gc(heartbeat_seconds)] if listed else []


def run_command(python: str, folder: str) -> str:
    """What a worker starts for each run, as a shell would read it: the client of the warm parent."""
    # A command of its own also spares a run Prefect's supervisor of workspaces, an interpreter that imports Prefect.
    return shlex.join([python, "-I", "-S", f"{folder}/deployments/worker/client.py"])


def load_projects(folder: Path, overlay: str | None = None) -> list[Project]:
    """Every project under a folder. Raises Misconfigured at the first broken project file."""
    return [load_project(name, folder, overlay) for name in list_projects(folder)]


def _flows(project: Project) -> tuple[str, ...]:
    return FLOWS if project.gate.shadow else FLOWS[:-1]


def _deployment(project: Project, flow: str, heartbeat_seconds: int) -> Deployment:
    return Deployment(
        flow=flow,
        project=project.name,
        description=project.card.goal,
        # A flow finds its project by the folder's name.
        parameters={"project": project.folder.name},
        times=project.schedule.times(flow),
        tags=(TAG, project.name, *project.schedule.tags),
        heartbeat_seconds=heartbeat_seconds,
    )


def _status(heartbeat_seconds: int) -> Deployment:
    return Deployment(
        flow="status",
        project="all",
        description=STATUS_DESCRIPTION,
        tags=(TAG,),
        heartbeat_seconds=heartbeat_seconds,
    )


def _gc(heartbeat_seconds: int) -> Deployment:
    return Deployment(
        flow="gc",
        project="all",
        description=GC_DESCRIPTION,
        times=GC_TIMES,
        tags=(TAG,),
        heartbeat_seconds=heartbeat_seconds,
    )
