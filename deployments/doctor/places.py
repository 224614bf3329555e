"""Checks of stores, registry and connections. They load libraries, so `probe` runs them."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from deployments.doctor.finding import DoctorCheck, Finding
from tierra.errors import TierraError
from tierra.project.project import list_projects
from tierra.settings import Settings
from tierra.store.objects import Objects
from tierra.store.opening import is_remote
from tierra.workspace import Workspace

STORES, REGISTRY, SOURCES = DoctorCheck("stores"), DoctorCheck("registry"), DoctorCheck("sources")
WRITERS: Final = 8
DISK_REMEDY: Final = "Free space, correct permissions, or use a disk that has hard links"


def check_stores(settings: Settings) -> Iterator[Finding]:
    """Whether exactly one of several writers of a name wins, in the store and in each project's sink."""
    places: dict[str, Objects] = {}
    workspace = Workspace(settings)
    for name in [None, *list_projects(settings.projects)]:
        try:
            stores = workspace.stores(workspace.project(name)) if name else [workspace.objects]
            places |= {objects.location("doctor"): objects for objects in stores}
        except TierraError as error:
            yield STORES.broken(error.what, error.remedy)
    faults = [fault for place, objects in places.items() if (fault := _check_writers(place, objects))]
    yield from faults
    if places and not faults:
        yield STORES.ok(f"one of {WRITERS} writers wins in each of {len(places)}")


def check_registry(settings: Settings) -> Iterator[Finding]:
    """Whether each project's champion can be opened and MLflow answers; nothing is created."""
    from tierra.model.view import alias_of

    try:
        workspace = Workspace(settings)
        projects = [workspace.project(name).name for name in _readable(workspace)]
        champions = [name for name in projects if workspace.champions.current(name)]
        alias_of(workspace.mlflow_address, projects or ["doctor"])
    except TierraError as error:
        yield REGISTRY.broken(error.what, error.remedy)
        return
    stated = settings.mlflow_uri or (settings.root / "mlflow.db").is_file()
    there = f"opens; {len(champions)} of {len(projects)} projects have a champion"
    yield REGISTRY.ok(there if stated or champions else "none yet; the first training makes it")


def check_sources(settings: Settings) -> Iterator[Finding]:
    """Whether the first rows of each project's sources can be read, and hold the columns that it names.

    Data of a project that nothing serves yet may still have to come.
    """
    from tierra.steps.look import look_at_data

    workspace = Workspace(settings)
    for name in _readable(workspace):
        project = workspace.project(name)
        try:
            look_at_data(workspace, project)
            yield SOURCES.ok(f"{project.name}: {', '.join(project.sources)} can be read")
        except TierraError as error:
            say = SOURCES.broken if _has_champion(workspace, project.name) else SOURCES.warning
            yield say(f"{project.name}: {error.what}", error.remedy)


def check_connection(settings: Settings, name: str) -> Iterator[Finding]:
    """Whether the database of a connection answers."""
    from tierra.data import sources

    check = DoctorCheck("connection")
    try:
        yield check.ok(f"{name}: {sources.check_connection(name, settings.connection(name))} answers")
    except TierraError as error:
        yield check.broken(error.what, error.remedy)


def _has_champion(workspace: Workspace, project: str) -> bool:
    """Whether a model serves; `check_stores` and `check_registry` report a store that does not answer."""
    with suppress(TierraError):
        return workspace.champions.current(project) is not None
    return False


def _readable(workspace: Workspace) -> list[str]:
    """The folders of the projects whose file can be read; `check_stores` reports the others."""
    found = []
    for name in list_projects(workspace.settings.projects):
        with suppress(TierraError):
            workspace.project(name)
            found.append(name)
    return found


def _check_writers(place: str, objects: Objects) -> Finding | None:
    name = f"doctor/{uuid.uuid4().hex}"
    texts = [f"writer {number}".encode() for number in range(WRITERS)]
    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            won = list(pool.map(lambda text: objects.put_if_absent(name, text), texts))
        kept = objects.read(name)
    except TierraError as error:
        return STORES.broken(f"{place}: {error.what}", error.remedy if is_remote(place) else DISK_REMEDY)
    except OSError as error:
        return STORES.broken(f"{place}: {error}", DISK_REMEDY)
    finally:
        _clean(objects, name)
    if won.count(True) != 1 or kept != texts[won.index(True)]:
        result = f"{place}: {won.count(True)} of {WRITERS} writers of one name won"
        return STORES.broken(result, "Do not publish there: predictions could be overwritten. Use another store")
    return None


def _clean(objects: Objects, name: str) -> None:
    """Remove what was written, and its folder where the store is a folder."""
    with suppress(TierraError, OSError):
        objects.remove(name)
        if not is_remote(objects.location(name)):
            Path(objects.location(name)).parent.rmdir()
