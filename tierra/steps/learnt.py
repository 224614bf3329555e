"""Which rows a model learnt from: kept with its release, so that a later test part leaves them out when it is judged.

Rows go to the parts of a split by the digest of their content or group, and those near a boundary change sides as the
table grows. What is kept are the units of the split in training and validation: days, or digests of rows or groups.
"""

import hashlib
from typing import Any

import numpy as np

from tierra.data.frames import conform, kinds_of, to_frame
from tierra.data.recipe import UNIT, Recipe
from tierra.data.split import unit_of
from tierra.data.units import as_numbers
from tierra.errors import Broken, DataRejected
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import champion_recipe
from tierra.steps.parts import Parts, rows_of
from tierra.store.refs import ObjectRef, TableRef
from tierra.store.tables import read_table
from tierra.workspace import Workspace

Units = np.ndarray[Any, np.dtype[np.int64]]


def keep_learnt(workspace: Workspace, parts: Parts) -> ObjectRef:
    """Write the units that training and validation hold into the store, eight bytes each."""
    found = np.unique(np.concatenate([units_of(workspace, part) for part in (parts.train, parts.validation)]))
    with workspace.objects.draft("learnt/", ".units") as draft:
        draft.write(found.astype("<i8").tobytes())
    return ObjectRef(name=draft.name, sha256=draft.sha256)


def units_of(workspace: Workspace, part: TableRef) -> Units:
    """The unit of each row of a part, as a number."""
    return as_numbers(to_frame(read_table(workspace.objects, part, [UNIT]))[UNIT])


def learnt_from(workspace: Workspace, project: Project, parts: Parts, champion: Champion) -> np.ndarray | None:
    """Which test rows the champion learnt from; None where that cannot be known from its release and today's rows."""
    kept = champion.release.learnt
    if kept is None:
        return None
    try:
        data = workspace.objects.read(kept.name)
    except FileNotFoundError:  # a store that was lost and filled again from MLflow's copy, which has the release alone
        return None
    if hashlib.sha256(data).hexdigest() != kept.sha256:
        raise Broken("store-tampered", f"{workspace.objects.location(kept.name)} is not what was written")
    own = _units_by(workspace, project, parts, champion)
    return None if own is None else np.isin(own, np.frombuffer(data, "<i8"))


def _units_by(workspace: Workspace, project: Project, parts: Parts, champion: Champion) -> Units | None:
    """The units of today's test rows, as the champion's own split makes them."""
    before, content = champion_recipe(workspace, champion), champion.release.content
    if _splits_alike(before, project.recipe) and content == parts.table.content:
        return units_of(workspace, parts.test)
    joined = read_table(workspace.objects, parts.table.joined)
    try:
        types = champion.release.types
        known = joined.select([name for name in types if name in joined.column_names])
        rows = to_frame(conform(known, kinds_of(types), "today's tables"))
        return as_numbers(unit_of(rows.iloc[rows_of(workspace, parts.test)], before, content))
    except DataRejected:
        return None


def _splits_alike(before: Recipe, now: Recipe) -> bool:
    return (before.unit, before.dates, before.key) == (now.unit, now.dates, now.key)
