"""Whether the sink can hold what a project will publish, as far as the names tell."""

from tierra.data.labels import Labels
from tierra.project.project import Project
from tierra.store.spec import SqlSink
from tierra.workspace import Workspace


def check_sink_names(workspace: Workspace, project: Project, labels: Labels | None = None) -> None:
    """Raise Misconfigured for a table, a key, a kept column or, with labels, a class that the database cannot name."""
    sink = project.score.sink
    if not isinstance(sink, SqlSink):
        return
    from tierra.store.column_names import check_columns, check_table

    dialect = "sqlite" if workspace.settings.connection(sink.connection).address.startswith("sqlite") else "postgresql"
    check_table(project.dataset, sink.namespace, dialect)
    ours = [*(labels.columns if labels else ()), *project.published_more]
    names = [*project.main_source.key, *project.score.keep, *ours]
    check_columns(names, dialect, f"{sink.connection}.{project.dataset}")
