"""Where things lie, worked out from the settings: store, sink, registry, receipts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tierra.project import Project, load_project
from tierra.settings import Settings, load_settings
from tierra.store.local_objects import LocalObjects
from tierra.store.objects import Objects
from tierra.store.opening import open_objects

if TYPE_CHECKING:
    from tierra.model.registry import Registry


@dataclass(frozen=True)
class Workspace:
    """The places of one installation."""

    settings: Settings

    @property
    def objects(self) -> Objects:
        """Snapshots, quarantine, fitted models and the memo."""
        return open_objects(self.settings.store, self.settings)

    def sink(self, project: Project) -> Objects:
        """Where the project's predictions are published."""
        return LocalObjects(self.settings.root / project.score.sink.uri)

    def registry(self) -> "Registry":
        """The registry of models."""
        from tierra.model.registry import Registry

        return Registry(self.settings.root, self.settings.registry_uri())

    def receipts(self, project: str) -> Path:
        """The folder of a project's receipts."""
        return self.settings.root / "receipts" / project

    def project(self, name: str) -> Project:
        """A project by name or path."""
        return load_project(name, self.settings.projects)


def open_workspace() -> Workspace:
    """The workspace of this process. Raises Misconfigured."""
    return Workspace(load_settings())
