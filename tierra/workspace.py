"""Where things lie, worked out from the settings once a run: store, sink, champions, MLflow, receipts."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from tierra.once import Once
from tierra.project.project import Project, load_project
from tierra.settings import Settings, load_settings
from tierra.store.marks import MarkedObjects
from tierra.store.objects import MemoryObjects, Objects
from tierra.store.opening import open_objects
from tierra.store.sinks import ObjectSink, Sink
from tierra.store.spec import FilesSink, SqlSink

if TYPE_CHECKING:
    from tierra.model.challengers import Challengers
    from tierra.model.champions import Champions
    from tierra.model.recorder import Recorder


@dataclass(frozen=True)
class Workspace:
    """The places of one installation. `store` takes the place of the settings' store where it is given."""

    settings: Settings
    store: Objects | None = None

    @cached_property
    def once(self) -> Once:
        """What a run needs more than once, such as its champion's model, by the digest of what it is made of."""
        return Once()

    @cached_property
    def objects(self) -> Objects:
        """Snapshots, quarantine, fitted models, champions and the memo."""
        return self.store or MarkedObjects(open_objects(self.settings.store, self.settings))

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

    def owners_of_dataset(self, project: Project) -> tuple[Objects, str]:
        """Where it is kept whose a data set is: beside its predictions, or, of a database, in the store."""
        match project.score.sink, self.sink(project):
            case _, ObjectSink(objects=objects, dataset=name):
                return objects, f"{name}/owners"
            case SqlSink(connection=name, namespace=schema), _:
                from tierra.store.owners import place_of

                place = place_of(self.settings.connection(name).address, schema)
                return self.objects, f"owners/tables/{place}/{project.dataset}"
            case other:
                raise AssertionError(other)

    @property
    def champions(self) -> "Champions":
        """Who serves, for each project."""
        from tierra.model.champions import Champions

        return Champions(self.objects)

    @property
    def challengers(self) -> "Challengers":
        """The challengers that score beside the champions, for each project."""
        from tierra.model.challengers import Challengers

        return Challengers(self.objects, self.champions)

    @property
    def mlflow_address(self) -> str:
        """Where MLflow keeps what it shows, secret included."""
        return self.settings.registry_uri() or f"sqlite:///{self.settings.root / 'mlflow.db'}"

    @property
    def has_mlflow(self) -> bool:
        """Whether MLflow keeps anything yet: before the first training its file is not there."""
        return bool(self.settings.registry_uri()) or (self.settings.root / "mlflow.db").is_file()

    def recorder(self) -> "Recorder":
        """MLflow, for writing: loads it."""
        from tierra.model.recorder import Recorder

        self.settings.root.mkdir(parents=True, exist_ok=True)
        return Recorder(self.mlflow_address, self.settings.root / "mlflow-artifacts")

    def receipts(self, project: str) -> Path:
        """The folder of a project's receipts."""
        return self.settings.root / "receipts" / project

    def project(self, name: str) -> Project:
        """A project by name or path."""
        return load_project(name, self.settings.projects, self.settings.overlay)


def open_workspace() -> Workspace:
    """The workspace of this process. Raises Misconfigured."""
    return Workspace(load_settings())


def in_memory(workspace: Workspace) -> Workspace:
    """The same with an empty store in memory, in which nothing serves yet."""
    return replace(workspace, store=MemoryObjects())
