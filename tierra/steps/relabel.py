"""What corrected labels are worth: the same model fitted on both, measured on the same test part."""

import re
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from tierra.data.labels import Labels
from tierra.data.recipe import ROW, TARGET
from tierra.data.row_changes import SEPARATOR, shown_key
from tierra.errors import InvalidCall, first_line
from tierra.model.admission import taken_of
from tierra.model.lift import Lift, measure_lift, require_enough
from tierra.model.training import scorers_of
from tierra.project.project import Project
from tierra.steps.fit import choose_candidate, fit_candidates, load_fitted
from tierra.steps.learning_rows import LearningRows, hold_parameters, read_learning_rows
from tierra.steps.parts import Parts, read_part, rows_of
from tierra.steps.suspects import CORRECTED
from tierra.store.exports import FORMULA
from tierra.store.refs import TableRef
from tierra.store.tables import read_table, write_table
from tierra.workspace import Workspace

Corrections = dict[int, float]  # the joined row, and its code or number
_FORMULA = re.compile(FORMULA.replace(r"\x{", r"\u").replace("}", ""))


class Relabelled(BaseModel):
    """What a file of corrections changes, and the lift on the test rows as they are given and as they are corrected."""

    project: str
    candidate: str
    corrections: int
    changed: int
    in_test: int
    lift: Lift
    lift_corrected: Lift | None = None


def relabel(workspace: Workspace, project: Project, file: Path) -> Relabelled:
    """Fit the champion's candidate on corrected labels, and compare it with itself on the given ones.

    Nothing is promoted: labels are corrected at the source, then a training makes the model. Raises InvalidCall.
    """
    rows = hold_parameters(read_learning_rows(workspace, project))
    corrections = read_corrections(rows, file)
    parts = correct_parts(rows, corrections)
    every = read_part(workspace, rows.parts, "test")
    require_enough(every)
    both = {name: _fit(rows, each) for name, each in (("champion", rows.parts), ("after", parts))}
    test, places = taken_of(every, *both.values()), rows_of(workspace, rows.parts.test)
    is_corrected = np.array([place in corrections for place in places])
    metric = rows.project.gate.metric_name
    scorers = scorers_of(test.labels, rows.project.gate, ())
    models = {**both, "rule": _fit(rows, rows.parts, "rule")}
    lift = measure_lift({name: (model, test) for name, model in models.items()}, metric, scorers)
    again = None
    if is_corrected.any():
        target = np.array([corrections.get(place, own) for place, own in zip(places, every.target, strict=True)])
        corrected = taken_of(replace(every, target=target.astype(every.target.dtype)), *both.values())
        again = measure_lift({name: (model, corrected) for name, model in models.items()}, metric, scorers)
    return Relabelled(project=rows.project.name, candidate=rows.candidate, corrections=len(corrections),
                      changed=_count_changed(rows, parts), in_test=int(is_corrected.sum()), lift=lift,
                      lift_corrected=again)  # fmt: skip


def read_corrections(rows: LearningRows, file: Path) -> Corrections:
    """The corrected labels of a file that `tierra suspects` wrote, by joined row; lines without one are left out."""
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except OSError as error:
        raise InvalidCall("corrections-invalid", f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidCall("corrections-invalid", f"{file}: {first_line(error)}") from None
    names = rows.key_names
    if missing := [name for name in [*names, CORRECTED] if name not in table]:
        raise InvalidCall("corrections-invalid", f"{file} has no column '{missing[0]}'")
    known = {str(key): place for place, key in enumerate(rows.keys)}
    found: Corrections = {}
    for line in table[table[CORRECTED] != ""].to_dict("records"):
        key = SEPARATOR.join(_armed(str(line[name])) for name in names)
        if key not in known:
            raise InvalidCall("corrections-invalid", f"{file}: there is no row {shown_key(key)}")
        found[known[key]] = _code(_armed(str(line[CORRECTED])), rows.parts.labels, f"{file}, row {shown_key(key)}")
    if not found:
        raise InvalidCall("corrections-invalid", f"{file} corrects nothing: `{CORRECTED}` is empty in each line")
    return found


def correct_parts(rows: LearningRows, corrections: Corrections) -> Parts:
    """The parts with other labels in training and validation; the test part stays as it is."""
    changed = {name: _correct(rows, getattr(rows.parts, name), corrections) for name in ("train", "validation")}
    return rows.parts.model_copy(update=changed)


def _correct(rows: LearningRows, part: TableRef, corrections: Corrections) -> TableRef:
    table = read_table(rows.workspace.objects, part)
    target, places = table.column(TARGET).to_numpy(), table.column(ROW).to_numpy()
    made = np.array([corrections.get(int(place), own) for place, own in zip(places, target, strict=True)])
    if rows.parts.labels.task != "regression" and len(left := np.unique(made)) == 1:
        only = rows.parts.labels.classes[int(left[0])]
        raise InvalidCall("corrections-invalid", f"they leave one class in a part that is learnt from, '{only}'")
    column = pa.chunked_array([pa.array(made.astype(target.dtype))]).cast(table.column(TARGET).type)
    table = table.set_column(table.column_names.index(TARGET), table.schema.field(TARGET), column)
    return write_table(rows.workspace.objects, "features/", table.schema, [table])


def _fit(rows: LearningRows, parts: Parts, name: str = "") -> Any:
    candidates = fit_candidates(rows.workspace, rows.project, parts)
    chosen = choose_candidate(rows.workspace, rows.project, candidates, name or rows.candidate)
    return load_fitted(rows.workspace, rows.project, chosen.best)


def _count_changed(rows: LearningRows, parts: Parts) -> int:
    """How many labels of learning rows are other ones."""
    return sum(
        int((_target(rows, getattr(rows.parts, name)) != _target(rows, getattr(parts, name))).sum())
        for name in ("train", "validation")
    )


def _target(rows: LearningRows, part: TableRef) -> np.ndarray[Any, Any]:
    return np.asarray(read_table(rows.workspace.objects, part, [TARGET]).column(TARGET).to_numpy())


def _armed(text: str) -> str:
    """A text as it was before an export put an apostrophe before what a spreadsheet would run."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def _code(text: str, labels: Labels, where: str) -> float:
    if labels.task != "regression":
        # A spreadsheet writes True as TRUE.
        alike = [each for each in labels.classes if each == text] or [
            each for each in labels.classes if each.casefold() == text.strip().casefold()
        ]
        if len(alike) == 1:
            return labels.classes.index(alike[0])
        known = ", ".join(labels.classes)
        raise InvalidCall("corrections-invalid", f"{where}: '{text}' is no class ({known})")
    try:
        if isfinite(number := float(text)):
            return number
        raise ValueError
    except ValueError:
        raise InvalidCall("corrections-invalid", f"{where}: '{text}' is no number") from None
