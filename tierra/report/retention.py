"""Retention of all that an installation keeps: the stores, receipts, and MLflow's runs.

Log files go by TIERRA_LOG_RETENTION, and Prefect's history by the server's own vacuum, which `make up` switches on.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from tierra.errors import TierraError
from tierra.outcomes.collecting import Collected, Kind
from tierra.project.project import Project
from tierra.report.index import old_runs, remove_runs
from tierra.report.partitions import calendar_of
from tierra.steps.collect import Plan, collect, plan_collection, projects_of
from tierra.store.collecting import Line
from tierra.store.marks import WAIT
from tierra.workspace import Workspace


@dataclass(frozen=True)
class OldRuns:
    """The receipts of a project that go, and the runs that MLflow shows of it."""

    project: Project
    folder: Path
    files: list[Path]
    runs: list[str]
    lines: list[Line]


@dataclass(frozen=True)
class Retention:
    """All that goes, told before anything does."""

    stores: Plan
    old: list[OldRuns]
    warnings: tuple[str, ...]

    def as_outcome(self, freed: int = 0, dry_run: bool = True) -> Collected:
        """What is there and what goes, kind by kind."""
        listed = [*self.stores.lines, *_summed(line for each in self.old for line in each.lines)]
        kinds = tuple(Kind(**vars(each)) for each in listed if each.objects)
        return Collected(kinds=kinds, freed=freed, dry_run=dry_run, warnings=self.warnings, marked_until=self._later())

    def _later(self) -> str:
        store, begins = self.stores.store, self.stores.now
        if store and store.to_wait and store.mark.made:
            begins = store.mark.made
        return f"may go from {begins + WAIT:%Y-%m-%d} on, if nothing needs them until then"


def plan_retention(workspace: Workspace, project: str | None = None, yes: bool = False, dry: bool = False) -> Retention:
    """What of one project goes, or of all of them and the store. Raises Misconfigured and Broken, nothing changed."""
    projects = projects_of(workspace, project or None)
    stores, warnings = plan_collection(workspace, projects, whole=not project, yes=yes, dry=dry), list[str]()
    old = [_old_runs_of(workspace, each, warnings.append) for each in projects]
    damaged = (warning for each in stores.datasets for warning in each.warnings)
    return Retention(stores, old, (*damaged, *warnings))


def carry_out(workspace: Workspace, planned: Retention) -> Collected:
    """Remove what was planned."""
    freed, warnings = collect(workspace, planned.stores), list(planned.warnings)
    for each in planned.old:
        freed += sum(line.going_bytes for line in each.lines)
        remove_runs(each.folder, each.project.name, each.files, calendar_of(workspace, each.project))
        if each.runs:
            _try(partial(_delete_runs, workspace, each.runs), warnings.append)
    return planned.as_outcome(freed, dry_run=False).model_copy(update={"warnings": tuple(warnings)})


def _old_runs_of(workspace: Workspace, project: Project, warn: Callable[[str], object]) -> OldRuns:
    folder, age = workspace.receipts(project.name), timedelta(days=project.keep.runs)
    files = old_runs(folder, time.time() - age.total_seconds())
    receipts, mlflow = Line("receipts"), Line("MLflow's runs")
    for file in [*folder.glob("[0-9]*.html"), *folder.glob("[0-9]*.json")]:
        receipts.add(file.stat().st_size, file in files)
    runs = _old_in_mlflow(workspace, project, datetime.now(UTC) - age, warn)
    for _ in runs:
        mlflow.add(0, True)
    return OldRuns(project, folder, files, runs, [receipts, mlflow])


def _old_in_mlflow(
    workspace: Workspace, project: Project, before: datetime, warn: Callable[[str], object]
) -> list[str]:
    """The runs that MLflow shows and need not. It only shows: where it does not answer, the rest is done."""
    if not workspace.has_mlflow:
        return []
    kept = {each.run_id for each in workspace.champions.history(project.name)}
    found: list[str] = []
    _try(lambda: found.extend(workspace.recorder().old_runs(project.name, before, kept)), warn)
    return found


def _delete_runs(workspace: Workspace, runs: list[str]) -> None:
    workspace.recorder().delete_runs(runs)


def _try(act: Callable[[], object], warn: Callable[[str], object]) -> None:
    try:
        act()
    except TierraError as error:
        warn(f"MLflow's runs stay: {error.what}")


def _summed(lines: Iterator[Line]) -> list[Line]:
    """The lines of all projects, one a kind."""
    found: dict[str, Line] = {}
    for each in lines:
        sum_of = found.setdefault(each.kind, Line(each.kind))
        for name in ("objects", "bytes", "going", "going_bytes"):
            setattr(sum_of, name, getattr(sum_of, name) + getattr(each, name))
    return list(found.values())
