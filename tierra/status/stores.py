"""Reads the stores: run records, champions, the newest publication, and whether all of it can be used."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tierra.errors import Misconfigured, TierraError, Unavailable
from tierra.model.champions import Champions, read_champions
from tierra.project.project import Project, list_projects
from tierra.project.schedule import longest_gap
from tierra.report.index import read_runs
from tierra.status.judging import judge_disk
from tierra.status.seen import Check, ProjectSeen, Publication, Recurring, Serving, StoresSeen
from tierra.store.predictions import generations, read_manifest
from tierra.workspace import Workspace

FLOWS = ("score", "train")
RUNS = 300  # of each flow, the newest


def read_stores(workspace: Workspace, only: str | None = None) -> StoresSeen:
    """Read every project, or one. A broken file raises when its project is named; otherwise it is listed in `wrong`."""
    projects, wrong = _load(workspace, only)
    champions, registry = _champions(workspace, projects)
    seen, faults = [], []
    for project in projects:
        publication, fault = _publication(workspace, project)
        faults += [fault] if fault else []
        seen.append(_seen(workspace, project, champions, publication))
    sinks = Check(name="predictions", level="red", what="; ".join(faults))
    if not faults:
        sinks = Check(name="predictions", level="green", what="can be read")
    return StoresSeen(projects=tuple(seen), wrong=wrong, checks=(registry, sinks, *_home(workspace.settings.root)))


def _load(workspace: Workspace, only: str | None) -> tuple[list[Project], dict[str, str]]:
    if only:
        return [workspace.project(only)], {}
    found, wrong = [], {}
    for name in list_projects(workspace.settings.projects):
        try:
            found.append(workspace.project(name))
        except Misconfigured as error:
            wrong[name] = error.what
    return found, wrong


def _champions(workspace: Workspace, projects: Sequence[Project]) -> tuple[Champions | None, Check]:
    settings = workspace.settings
    uri = settings.registry_uri() or f"sqlite:///{settings.root / 'mlflow.db'}"
    try:
        champions = read_champions(uri, [project.name for project in projects])
    except (Misconfigured, Unavailable) as error:
        return None, Check(name="registry", level="red", what=error.what)
    return champions, Check(name="registry", level="green", what=f"opens, {len(champions)} champions")


def _publication(workspace: Workspace, project: Project) -> tuple[Publication | None, str]:
    """The newest published partition, and the sink's fault if it cannot be read."""
    sink = workspace.sink(project)
    try:
        found = generations(sink)
        manifest = read_manifest(sink, max(found), found[max(found)]) if found else None
    except (TierraError, OSError) as error:
        return None, f"{project.name}: {getattr(error, 'what', error)}"
    if manifest is None:
        return None, ""
    return Publication(
        partition=manifest.partition, rows=manifest.rows_scored, quarantined=manifest.rows_quarantined,
        published_at=manifest.published_at,
    ), ""  # fmt: skip


def _seen(
    workspace: Workspace, project: Project, champions: Champions | None, publication: Publication | None
) -> ProjectSeen:
    serving = (champions or {}).get(project.name)
    return ProjectSeen(
        project=project.name,
        schedules={flow: _schedules(project, flow) for flow in FLOWS},
        late_after_seconds=project.schedule.late_after.total_seconds(),
        runs=tuple(run for flow in FLOWS for run in read_runs(workspace.receipts(project.name), flow, RUNS)),
        champion=Serving(version=serving[0], since=serving[1]) if serving else None,
        known=champions is not None,
        publication=publication,
    )


def _schedules(project: Project, flow: str) -> tuple[Recurring, ...]:
    gaps = [(when, longest_gap([when], datetime.now(UTC))) for when in project.schedule.times(flow)]
    return tuple(Recurring(text=when.said, gap_seconds=gap.total_seconds() if gap else None) for when, gap in gaps)


def _home(home: Path) -> Iterator[Check]:
    if not home.is_dir():
        yield Check(name="home", level="amber", what=f"{home} does not exist: nothing has run here yet")
        return
    try:
        with tempfile.NamedTemporaryFile(dir=home, prefix=".status-"):
            yield Check(name="home", level="green", what=f"{home} can be written")
    except OSError as error:
        yield Check(name="home", level="red", what=f"{home} cannot be written: {error.strerror}")
    yield judge_disk(shutil.disk_usage(home).free, str(home))
