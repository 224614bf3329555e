"""The project as a night runs it: today's sources, contract, sink and schedule, the champion's features and joins."""

from collections.abc import Sequence
from typing import Any

from tierra.data.spec import FileSource, Source
from tierra.errors import Misconfigured
from tierra.journal import warn
from tierra.model.release import Champion, Release
from tierra.project.project import Project
from tierra.steps.champion import champion_project, describe_edit
from tierra.workspace import Workspace

# What a source's declaration says of its columns, apart from where it lies.
MAKES_FEATURES = ("key", "columns", "types", "partition_by", "history", "known_later")
CHAMPION_RECIPE = ("joins", "prepare", "features", "target", "weight", "split", "candidates")


def with_champion_recipe(workspace: Workspace, project: Project, champion: Champion) -> Project:
    """Today's sources, contract, sink and schedule with the champion's features and joins.

    Raises Misconfigured when a source the champion needs is not declared any more.
    """
    before = champion_project(workspace, champion)
    if missing := [name for name in before.sources if name not in project.sources]:
        raise Misconfigured("features-changed", f"the champion needs source '{missing[0]}', which is not declared")
    if edited := describe_edit(before, project, champion):
        warn(f"{edited}; it does so until `tierra train {project.name} --replace-champion`")
    if before.decision != project.decision:
        edited = f"decision was edited: champion version {champion.version} decides as it was trained to"
        warn(f"{edited}, until `tierra train {project.name}` promotes another")
    kept = {before.main: project.score.keep}
    sources = {
        name: project.sources[name].model_copy(
            update={
                **{key: getattr(source, key) for key in MAKES_FEATURES},
                **_schema_of(champion.release, name, source, project.sources[name], kept.get(name, ())),
            }
        )
        for name, source in before.sources.items()
    }
    return project.model_copy(update={"sources": sources, **{name: getattr(before, name) for name in CHAMPION_RECIPE}})


def _schema_of(release: Release, name: str, before: Source, now: Source, beside: Sequence[str] = ()) -> dict[str, Any]:
    """The columns that the model was trained on, others to keep beside its predictions, and their types.

    Nothing of a release that kept none.

    In a file now, cells such as NA are gaps in the columns in which they were gaps in training.
    """
    schema = release.schemas.get(name)
    if not schema:
        return {}
    others = [column for column in beside if column not in schema]
    types = {column: kind for column, kind in now.types.items() if column in others}
    kept: dict[str, Any] = {"columns": (*schema, *others), "types": schema | types}
    if isinstance(now, FileSource):
        kept["as_written"] = tuple(column for column, kind in schema.items() if kind == "text")
        if isinstance(before, FileSource) and not before.is_parquet:
            kept["as_written"] = before.literal_columns
    return kept
