"""The plan: which deployments the projects ask for. Pure: projects in, deployments out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tierra.project import Project

POOL = "tierra"


@dataclass(frozen=True)
class Deployment:
    """One flow of one project, and when it runs."""

    flow: str
    project: str
    description: str
    parameters: dict[str, Any] = field(default_factory=dict)
    cron: str | None = None
    timezone: str = "UTC"

    @property
    def entrypoint(self) -> str:
        """The file and the function, as Prefect finds them."""
        return f"flows/{self.flow}.py:{self.flow}"


def plan(projects: Iterable[Project]) -> list[Deployment]:
    """Training and scoring of every project, in the order of their names."""
    return [_deployment(project, flow) for project in projects for flow in ("train", "score")]


def load_projects(folder: Path) -> list[Project]:
    """Every project under a folder. Raises Misconfigured on the first that is wrong."""
    from tierra.project import list_projects, load_project

    return [load_project(name, folder) for name in list_projects(folder)]


def _deployment(project: Project, flow: str) -> Deployment:
    return Deployment(
        flow=flow,
        project=project.project,
        description=project.card.goal,
        # The folder's name is what a flow finds a project by.
        parameters={"project": project.folder.name},
        cron=project.schedule.train if flow == "train" else project.schedule.score,
        timezone=project.schedule.timezone,
    )
