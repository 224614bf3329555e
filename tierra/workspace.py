"""Where things lie, worked out from the settings: store, sink, registry, receipts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from tierra.project.project import Project, load_project
from tierra.settings import Settings, load_settings
from tierra.store.objects import Objects
from tierra.store.opening import open_objects
from tierra.store.sinks import ObjectSink, Sink
from tierra.store.spec import FilesSink, SqlSink

if TYPE_CHECKING:
    from tierra.model.recorder import Recorder
    from tierra.model.registry import Registry


@dataclass(frozen=True)
class Workspace:
    """The places of one installation."""

    settings: Settings

    @property
    def objects(self) -> Objects:
        """Snapshots, quarantine, fitted models and the memo."""
        return open_objects(self.settings.store, self.settings)

    def sink(self, project: Project) -> Sink:
        """Where the project's predictions are published. Raises Misconfigured when it cannot be there."""
        match project.score.sink:
            case FilesSink(uri=uri):
                return ObjectSink(open_objects(uri, self.settings), project.dataset)
            case SqlSink(connection=name, namespace=schema):
                from tierra.store import sql_sink

                at = self.settings.connection(name)
                return sql_sink.TableSink(at.address, name, project.dataset, schema, at.statement_timeout_seconds)
            case other:
                assert_never(other)

    def stores(self, project: Project) -> list[Objects]:
        """The stores of objects that the project writes to."""
        sink = self.sink(project)
        return [self.objects, *([sink.objects] if isinstance(sink, ObjectSink) else [])]

    def registry(self) -> "Registry":
        """The registry of models, for reading."""
        from tierra.model.registry import Registry

        return Registry(self.settings.root, self.settings.registry_uri())

    def recorder(self) -> "Recorder":
        """The registry of models, for writing: loads MLflow."""
        from tierra.model.recorder import Recorder

        return Recorder(self.settings.root, self.settings.registry_uri())

    def receipts(self, project: str) -> Path:
        """The folder of a project's receipts."""
        return self.settings.root / "receipts" / project

    def project(self, name: str) -> Project:
        """A project by name or path."""
        return load_project(name, self.settings.projects, self.settings.overlay)


def open_workspace() -> Workspace:
    """The workspace of this process. Raises Misconfigured."""
    return Workspace(load_settings())
