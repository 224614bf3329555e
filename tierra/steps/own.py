"""A project's own transformers and estimators, from its folder."""

from tierra.model.own import OwnClasses
from tierra.project.project import Project


def own_classes(project: Project) -> OwnClasses:
    """The project's own transformers and estimators."""
    return OwnClasses(project.folder, project.own_names)
