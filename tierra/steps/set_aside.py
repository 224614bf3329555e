"""Rows that preparation sets aside: nothing is learnt from them, and a training shows them as a night does."""

from functools import partial

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from tierra.data.contract import enforce_budget
from tierra.data.quarantine import REASON, QuarantineReason
from tierra.facts import RowsQuarantined
from tierra.journal import note
from tierra.model.admission import sets_aside
from tierra.project.project import Project
from tierra.steps.learning import Learning
from tierra.steps.parts import Parts, rows_of
from tierra.steps.validate import keep_quarantined
from tierra.store.memo import remember
from tierra.store.refs import TableRef
from tierra.store.tables import read_table
from tierra.workspace import Workspace


class SetAside(BaseModel):
    """The rows that no model learns from, and why."""

    model_config = ConfigDict(frozen=True)

    quarantine: TableRef | None = None
    reasons: tuple[QuarantineReason, ...] = ()


def check_set_aside(workspace: Workspace, project: Project, parts: Parts) -> None:
    """Show the learning rows that preparation sets aside. Raises DataRejected where they exceed the contract's budget.

    A night of such rows would be refused for the same reason.
    """
    if not sets_aside(project.preprocessing):
        return
    inputs = [parts, project.preprocessing]
    found = remember(workspace.objects, __name__, inputs, SetAside, partial(_find, workspace, project, parts))
    if found.quarantine:
        aside, rows = found.quarantine.rows, parts.train.rows + parts.validation.rows
        note(RowsQuarantined(aside, workspace.objects.location(found.quarantine.name), found.reasons))
        why = f"preprocessing of the rows to learn from: {'; '.join(each.reason for each in found.reasons)}"
        enforce_budget(project.main, aside, rows, project.contract.quarantine_budget, why)


def _find(workspace: Workspace, project: Project, parts: Parts) -> SetAside:
    reasons = Learning(workspace, project, parts).set_aside
    aside = reasons != ""
    if not aside.any():
        return SetAside()
    places = np.concatenate([rows_of(workspace, part) for part in (parts.train, parts.validation)])
    rows = read_table(workspace.objects, parts.table.joined).take(pa.array(places[aside]))
    quarantine, why = keep_quarantined(workspace, [rows.append_column(REASON, pa.array(reasons[aside], pa.string()))])
    return SetAside(quarantine=quarantine, reasons=why)
