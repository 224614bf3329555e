"""The champion on today's test rows: as its own features have them, without those that it learnt from."""

import dataclasses
from typing import Any

import numpy as np

from tierra.errors import DataRejected, Misconfigured
from tierra.model.examples import Examples
from tierra.model.paired import too_few
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.champion import champion_features, has_same_features, judged_model
from tierra.steps.parts import Parts, rows_of
from tierra.store.tables import read_table
from tierra.workspace import Workspace


def champion_beside(
    workspace: Workspace, project: Project, parts: Parts, champion: Champion | None, replace: bool, test: Examples
) -> tuple[dict[str, tuple[Any, Examples]], str]:
    """The champion with the test rows in its features; nothing, and why, where it may be replaced unread."""
    if champion is None:
        return {}, ""
    try:
        rows = _as_champion_sees(workspace, project, parts, champion, test)
        return {"champion": (judged_model(workspace, champion), rows)}, ""
    except (DataRejected, Misconfigured) as error:
        if error.code == "code-differs":
            raise
        warning = f"champion version {champion.version} cannot read today's tables: {error.what}"
        if not replace:
            raise type(error)("champion-unread", warning) from None
        return {}, f"{warning}; it is replaced without being compared, as this run was asked to"


def judged_on(test: Examples, learnt: np.ndarray | None) -> np.ndarray:
    """The places of the rows that neither model learnt from; of all where too few are left to judge on."""
    every = np.arange(len(test.target))
    if learnt is None:
        return every
    left = np.flatnonzero(~learnt)
    return every if too_few(test.target[left], test.labels) else left


def learnt_facts(test: Examples, learnt: np.ndarray | None, kept: np.ndarray) -> dict[str, Any]:
    """What the gate has to know of the rows that the champion learnt from."""
    if learnt is None:
        return {"learnt": None}
    count, rows = int(learnt.sum()), len(learnt)
    if not count or len(kept) < rows:
        return {"learnt": count}
    few = too_few(test.target[~learnt], test.labels)
    most = f"the champion learnt from {count:,} of {rows:,} test rows"
    return {"learnt": count, "too_few": f"{most}, and of the others {few}"}


def _as_champion_sees(
    workspace: Workspace, project: Project, parts: Parts, champion: Champion, test: Examples
) -> Examples:
    """The test rows in the champion's features. Raises when it cannot read today's tables any more."""
    labels = champion.release.labels
    if labels != parts.labels:
        raise DataRejected("champion-unread", f"it predicts {labels.task}, {', '.join(labels.classes)}")
    if has_same_features(workspace, project, champion):
        return test
    joined = read_table(workspace.objects, parts.table.joined)
    built = champion_features(workspace, project, champion, joined).iloc[rows_of(workspace, parts.test)]
    return dataclasses.replace(test, table=built.reset_index(drop=True))
