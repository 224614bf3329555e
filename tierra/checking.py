"""Checking a project without running it: its file, its functions, its connections."""

from typing import Any

from pydantic import BaseModel

from tierra.data.code import check_functions
from tierra.data.spec import FileSource, SqlSource
from tierra.errors import Misconfigured
from tierra.project import Project
from tierra.workspace import open_workspace


class CheckedProject(BaseModel):
    """What a project file states, what it leaves to defaults, and what it might want to say."""

    project: str
    stated: dict[str, Any]
    defaults: dict[str, Any]
    warnings: list[str]


def check_project(name: str) -> CheckedProject:
    """Check a project. Raises Misconfigured with the first mistake."""
    workspace = open_workspace()
    project = workspace.project(name)
    check_functions(project.folder, project.functions)
    for source_name, source in project.sources.items():
        match source:
            case SqlSource():
                workspace.settings.connection(source.connection)
            case FileSource() if not (project.folder / source.path).is_file():
                raise Misconfigured("file-missing", f"source {source_name}: no file {project.folder / source.path}")
            case FileSource():
                pass
    stated, defaults = _divide(project)
    unsaid = [name for name in ("goal", "owner", "users", "limits") if getattr(project.card, name) == "not stated"]
    warnings = [f"card.{name} is not stated; receipts will say so" for name in unsaid]
    return CheckedProject(project=project.project, stated=stated, defaults=defaults, warnings=warnings)


def _divide(project: Project) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every key with its value, stated ones apart from defaults; one level deep where parts have keys."""
    stated: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    said = project.model_fields_set
    for name, value in project.model_dump(mode="json").items():
        part = getattr(project, name)
        if isinstance(part, BaseModel):
            for key, inner in value.items():
                place = stated if name in said and key in part.model_fields_set else defaults
                place[f"{name}.{key}"] = inner
        else:
            (stated if name in said else defaults)[name] = value
    return stated, defaults
