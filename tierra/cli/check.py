"""Checking a project without running it: its file, its functions, its connections, and the first rows of its data."""

from typing import Any

from pydantic import BaseModel

from tierra.data.code import check_functions
from tierra.data.file_places import find_places
from tierra.data.row_numbers import describe_unjoinable
from tierra.data.spec import FileSource, SqlSource
from tierra.errors import TierraError
from tierra.journal import Warned, at_station, open_journal
from tierra.model.gate import describe_gate
from tierra.model.spec import Model
from tierra.model.view import alias_of, describe_move
from tierra.project.project import Project
from tierra.steps.owners import check_owner
from tierra.steps.sink_names import check_sink_names
from tierra.store.opening import is_remote
from tierra.store.probing import probe_store
from tierra.workspace import Workspace, open_workspace


class CheckedProject(BaseModel):
    """What a project file states, what it leaves to defaults, and what it might want to say."""

    project: str
    stated: dict[str, Any]
    defaults: dict[str, Any]
    gate: str
    warnings: list[str]


def check_project(name: str, data: bool = True) -> CheckedProject:
    """Check a project, and its data unless that is to be left alone. Raises the first mistake."""
    workspace = open_workspace()
    project = workspace.project(name)
    check_functions(project.folder, project.every_function)
    _check_models(project)
    for source_name, source in project.sources.items():
        match source:
            case SqlSource():
                workspace.settings.connection(source.connection)
            case FileSource() if not source.is_web:
                find_places(source_name, source, project.folder, workspace.settings)
    _probe_buckets(workspace, project)
    check_sink_names(workspace, project)
    check_owner(workspace, project)
    workspace.champions.check_history(project.name)
    found = _look(workspace, project) if data else []
    stated, defaults = _divide(project)
    unsaid = ", ".join(project.card.unstated)
    warnings = [f"the card does not state {unsaid}; the model card will say so"] if unsaid else []
    unjoinable = describe_unjoinable(project.main, project.main_source)
    warnings += [*found, *([unjoinable] if unjoinable else []), *project.outdated]
    warnings += _compare_alias(workspace, project.name)
    gate = describe_gate(project.gate, project.task)
    return CheckedProject(project=project.name, stated=stated, defaults=defaults, gate=gate, warnings=warnings)


def _check_models(project: Project) -> None:
    """Look up the estimators whose class or parameters the file states: else there is nothing to be wrong."""
    stated = [each for each in project.candidates or () if isinstance(each, Model) and not each.is_own
              and ("." in each.model or each.params or each.search)]  # fmt: skip
    for each in stated:
        from tierra.model.estimators import check_model

        check_model(each, project.task)


def _look(workspace: Workspace, project: Project) -> list[str]:
    """What a training would warn of in the first rows of its sources. Raises what it would raise."""
    from tierra.steps.look import look_at_data

    with open_journal() as journal, at_station("look"):
        look_at_data(workspace, project)
    return [fact.text for fact in journal.facts(Warned)]


def _compare_alias(workspace: Workspace, project: str) -> list[str]:
    """Whether MLflow shows another version than serves."""
    try:
        pointer = workspace.champions.latest(project)
        moved = (
            describe_move(project, pointer.version, alias_of(workspace.mlflow_address, [project])) if pointer else ""
        )
    except TierraError as error:
        return [f"champion and MLflow's alias cannot be compared: {error.what}"]
    return [moved] if moved else []


def _probe_buckets(workspace: Workspace, project: Project) -> None:
    """Write to each bucket as publishing does. Folders are the doctor's: to check must not make one."""
    stores = {objects.location("probe"): objects for objects in workspace.stores(project)}
    for place, objects in stores.items():
        if is_remote(place):
            probe_store(objects)


def _divide(project: Project) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every key with its value, stated ones apart from defaults; one level deep where parts have keys."""
    stated: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    in_file = project.model_fields_set
    values = project.model_dump(mode="json")
    for name, field in Project.model_fields.items():
        part, key_path = getattr(project, name), field.alias or name
        if isinstance(part, BaseModel):
            for key, inner in values[name].items():
                place = stated if name in in_file and key in part.model_fields_set else defaults
                place[f"{key_path}.{key}"] = inner
        elif name in values:
            (stated if name in in_file else defaults)[key_path] = values[name]
    return stated, defaults
