"""Whose a project's name and its data set are: of one project file, until another takes them over by name."""

import filecmp
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tierra.data.spec import FileSource
from tierra.errors import Misconfigured, TierraError
from tierra.project.project import Project
from tierra.project.yaml_file import read_yaml
from tierra.steps.champion import champion_project, user_and_host
from tierra.store.opening import is_remote
from tierra.store.owners import Identity, Owner, Owners
from tierra.workspace import Workspace


@dataclass(frozen=True)
class Holding:
    """A name that a project wants, of itself or of its data set, and whose it is."""

    is_dataset: bool
    what: str
    owners: Owners
    owner: Owner | None

    @property
    def is_recorded(self) -> bool:
        """Whether the store holds the owner; a champion of an older version is one without a record."""
        return bool(self.owner and self.owner.number)


def identity_of(project: Project) -> Identity:
    """What a project is known by: the rest of its file may change as it likes."""
    return Identity(project=project.name, main=project.main, key=project.main_source.key, target=project.target)


def check_owner(workspace: Workspace, project: Project, take_over: bool = False) -> None:
    """Raise Misconfigured when the project's name or its data set belongs to another project file.

    Nothing is written. With `take_over` it is for `claim_names` to take them.
    """
    for holding in () if take_over else _holdings(workspace, project):
        _refuse_other(workspace, project, holding, holding.owner)


def claim_names(workspace: Workspace, project: Project, take_over: bool = False) -> None:
    """Record, once a run, that the project's name and its data set are this project file's. Raises Misconfigured."""
    key = ("owner", project.file, project.name, project.dataset)
    workspace.once.get(key, lambda: _claim_all(workspace, project, take_over))


def _claim_all(workspace: Workspace, project: Project, take_over: bool) -> bool:
    for holding in list(_holdings(workspace, project)):
        _claim(workspace, project, holding, take_over)
    return True


def _claim(workspace: Workspace, project: Project, holding: Holding, take_over: bool) -> None:
    is_ours = holding.owner is None or _is_owner(workspace, project, holding.owner)
    if not is_ours and not take_over:
        _refuse_other(workspace, project, holding, holding.owner)
    if is_ours and holding.is_recorded:
        return
    number = holding.owner.number + 1 if holding.owner else 1
    file = os.path.relpath(project.file, workspace.settings.root)
    ours = Owner(number=number, identity=identity_of(project), file=file, who=user_and_host())
    _refuse_other(workspace, project, holding, holding.owners.put(ours))


def _holdings(workspace: Workspace, project: Project) -> Iterator[Holding]:
    names = Owners(workspace.objects, f"owners/projects/{project.name}")
    owner = names.current() or _owner_by_champion(workspace, project)
    yield Holding(False, f"the name '{project.name}'", names, owner)
    sets = Owners(*workspace.owners_of_dataset(project))
    yield Holding(True, f"the data set '{project.dataset}'", sets, sets.current())


def _owner_by_champion(workspace: Workspace, project: Project) -> Owner | None:
    """Whose a name is that was trained before owners were recorded: of the champion's project file."""
    champion = workspace.champions.current(project.name)
    try:
        return Owner(identity=identity_of(champion_project(workspace, champion))) if champion else None
    except Misconfigured:  # a project file of a format that is not read any more
        return None


def _refuse_other(workspace: Workspace, project: Project, holding: Holding, owner: Owner | None) -> None:
    if owner is None or _is_owner(workspace, project, owner):
        return
    lies = f", {owner.file} of the home" if owner.file else ""
    since = f" since {owner.when:%Y-%m-%d}" if owner.number else ""
    theirs, ours = f"{owner.identity.words}{lies}", f"{identity_of(project).words}, {project.file}"
    message = f"{holding.what} belongs to another project file{since} ({theirs}), not to this one ({ours})"
    if holding.is_dataset:
        raise Misconfigured("dataset-taken", message)
    raise Misconfigured("project-taken", message)


def _is_owner(workspace: Workspace, project: Project, owner: Owner) -> bool:
    """Whether the record is of this project file: where it lay, moved, or in another checkout or container."""
    ours = identity_of(project)
    if owner.identity.model_copy(update={"target": ours.target}) != ours:
        return False
    there = Path(os.path.normpath(workspace.settings.root / owner.file)).resolve()
    # Another target in the same file is an edit, which training asks about; elsewhere it is another project.
    if not owner.file or there == project.file:
        return True
    return owner.identity == ours and not _is_another(there, project)


def _is_another(there: Path, project: Project) -> bool:
    """Whether the owner's file still stands and is no copy of ours in another checkout: such reads the same rows."""
    if not _names_project(there, project.name):
        return False
    named_alike = (there.parent.name, there.name) == (project.folder.name, project.file.name)
    return not named_alike or _reads_other_rows(there.parent, project)


def _names_project(file: Path, name: str) -> bool:
    try:
        values, _ = read_yaml(file)
    except (TierraError, OSError):
        return False
    return isinstance(values, dict) and values.get("project") == name


def _reads_other_rows(folder: Path, project: Project) -> bool:
    """Whether the first source is a file that holds other bytes when it is sought from that folder."""
    source = project.main_source
    if not isinstance(source, FileSource) or source.is_web or is_remote(source.path):
        return False
    theirs, ours = folder / source.path, project.folder / source.path
    if not (theirs.is_file() and ours.is_file()) or theirs.samefile(ours):
        return False
    return not filecmp.cmp(theirs, ours, shallow=False)
