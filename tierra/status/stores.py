"""Reads the stores: run records, champions, the newest publication, and whether all of it can be used."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tierra.data import partitions
from tierra.data.partition_states import PartitionState
from tierra.data.partitions import ALL
from tierra.errors import Broken, Misconfigured, TierraError, Unavailable
from tierra.model.pointers import Pointer
from tierra.model.view import alias_of, describe_move
from tierra.project.project import Project, list_projects
from tierra.project.schedule import longest_gap
from tierra.report.index import Run
from tierra.report.partitions import DAYS, read_partitions
from tierra.status.judging import judge_disk
from tierra.status.owned import FLOWS, TAKEN, find_refusal, keep_owners, read_own_runs
from tierra.status.seen import Check, Level, ProjectSeen, Publication, Recurring, Serving, StoresSeen
from tierra.store.predictions import find_newest, generations, missing_generations, read_manifest
from tierra.store.sinks import Sink
from tierra.workspace import Workspace


def read_stores(workspace: Workspace, only: str | None = None, days: int = DAYS) -> StoresSeen:
    """Read every project, or one, and its partitions of the last days.

    A broken file raises when its project is named; otherwise it is listed in `wrong`, and one whose name is another
    project's in `refused`.
    """
    projects, wrong = _load(workspace, only)
    projects, refused = keep_owners(workspace, projects)
    if only and (why := find_refusal(workspace, projects[0])):
        raise Misconfigured(TAKEN, why)
    champions, registry = _champions(workspace, projects)
    seen, faults = [], []
    for project in projects:
        runs = read_own_runs(workspace, project)
        publication, states, fault = _published(workspace, project, runs, days)
        faults += [fault] if fault else []
        seen.append(_seen(workspace, project, champions, runs, publication, states))
    sinks = Check(name="predictions", level="red", what="; ".join(faults))
    if not faults:
        sinks = Check(name="predictions", level="green", what="can be read")
    return StoresSeen(
        projects=tuple(seen), wrong=wrong, refused=refused, checks=(registry, sinks, *_home(workspace.settings.root))
    )


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


def _champions(workspace: Workspace, projects: Sequence[Project]) -> tuple[Mapping[str, Pointer | None], Check]:
    """Who serves, for each project of which that is known, beside what MLflow shows."""
    names = [project.name for project in projects]
    try:
        pointers = {name: workspace.champions.latest(name) for name in names}
    except TierraError as error:
        return {}, Check(name="registry", level="red", what=error.what)
    serving = {name: pointer for name, pointer in pointers.items() if pointer}
    opens = f"opens, {len(serving)} champions"
    try:
        aliases = alias_of(workspace.mlflow_address, names)
    except (Misconfigured, Unavailable) as error:
        # Before its first champion a project's runs ask MLflow for one that an older version may have left.
        level: Level = "amber" if len(serving) == len(names) else "red"
        return serving, Check(name="registry", level=level, what=f"{opens}; MLflow cannot be compared: {error.what}")
    moved = [each for name in names if (each := _compare(name, pointers[name], aliases))]
    # Who is named by the alias alone serves from the next run on, which takes that version over.
    known = {name: pointer for name, pointer in pointers.items() if pointer or name not in aliases}
    return known, Check(name="registry", level="amber" if moved else "green", what="; ".join([opens, *moved]))


def _compare(project: str, pointer: Pointer | None, aliases: Mapping[str, str]) -> str:
    if pointer:
        return describe_move(project, pointer.version, aliases)
    return f"{project}: the next run takes version {aliases[project]} over from MLflow" if project in aliases else ""


def _published(
    workspace: Workspace, project: Project, runs: Sequence[Run], days: int
) -> tuple[Publication | None, tuple[PartitionState, ...], str]:
    """The newest published partition, the states of all, and the sink's fault if it cannot be read."""
    scored = [run for run in runs if run.flow == "score"]
    try:
        sink = workspace.sink(project)
        states = read_partitions(workspace, project, scored, days)
        newest = _newest(workspace, project, sink)
        manifest = read_manifest(sink, *newest) if newest else None
        _check_history(sink, manifest.partition if manifest else "")
    except (TierraError, OSError) as error:
        return None, (), f"{project.name}: {getattr(error, 'what', error)}"
    if manifest is None:
        return None, states, ""
    publication = Publication(
        partition=manifest.partition, rows=manifest.rows_scored, quarantined=manifest.rows_quarantined,
        published_at=manifest.published_at,
    )  # fmt: skip
    return publication, states, ""


def _check_history(sink: Sink, partition: str) -> None:
    """Raise Broken when a generation of the newest partition is gone."""
    if partition and (missing := missing_generations(sink, [partition])):
        raise Broken("store-tampered", f"{sink.location(*missing[0])} was published and is gone")


def _newest(workspace: Workspace, project: Project, sink: Sink) -> tuple[str, int] | None:
    """The newest published partition and its generation."""
    if not project.main_source.partition_by:
        return max(generations(sink, [ALL]).items(), default=None)
    now = partitions.today(workspace.settings.now(), project.schedule.timezone)
    return find_newest(sink, partitions.due_window(project.score, now).last)


def _seen(
    workspace: Workspace,
    project: Project,
    champions: Mapping[str, Pointer | None],
    runs: Sequence[Run],
    publication: Publication | None,
    states: tuple[PartitionState, ...],
) -> ProjectSeen:
    serving, fresh = champions.get(project.name), project.score.fresh_within
    return ProjectSeen(
        project=project.name,
        schedules={flow: _schedules(project, flow) for flow in FLOWS},
        late_after_seconds=project.schedule.late_after.total_seconds(),
        runs=tuple(runs),
        champion=Serving(version=serving.version, since=serving.when) if serving else None,
        known=project.name in champions,
        publication=publication,
        partitions=states,
        clock=workspace.settings.now(),
        timezone=project.schedule.timezone,
        fresh_within_seconds=fresh.total_seconds() if fresh else None,
    )


def _schedules(project: Project, flow: str) -> tuple[Recurring, ...]:
    gaps = [(when, longest_gap([when], datetime.now(UTC))) for when in project.schedule.times(flow)]
    return tuple(Recurring(text=when.text, gap_seconds=gap.total_seconds() if gap else None) for when, gap in gaps)


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
