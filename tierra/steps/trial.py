"""A trial: the whole training on a sample, over values, without an orchestrator or a registry.

It runs the same functions as the train flow's stations, in the same order.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from tierra.data.code import load_code
from tierra.data.contract import Findings, check_rows, check_table, enforce_contract
from tierra.data.features import build_training_features, check_row_wise
from tierra.data.frames import gaps_to_float, to_frame
from tierra.data.joins import join_tables
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import open_source
from tierra.data.spec import PARTS
from tierra.data.split import slice_columns, split_rows, unit_of
from tierra.data.target import make_target, make_weight
from tierra.data.window import EVERYTHING
from tierra.errors import DataRejected
from tierra.journal import at_station, note, track
from tierra.model.examples import Examples
from tierra.model.gate import Scores, Verdict, judge
from tierra.project.project import Project
from tierra.settings import Settings
from tierra.spec import Task
from tierra.store.objects import MemoryObjects
from tierra.store.tables import read_table

SEED = 0


class Trial(BaseModel):
    """What a trial found."""

    project: str
    task: Task
    classes: tuple[str, ...]
    metric: str
    rows: dict[str, int]
    features: list[str]
    treatments: dict[str, str]
    leaks: list[str] = []
    candidates: list[dict[str, Any]]
    validation: dict[str, dict[str, float]]
    scores: Scores
    verdict: Verdict


def try_project(project: Project, settings: Settings, rows: int | None) -> Trial:
    """Train and judge on a sample of the first source's rows; all of them when `rows` is None.

    Nothing is kept: no snapshot, no run, no model. Raises the errors the flow would.
    """
    with at_station("pull"):
        tables = _pull(project, settings, rows)
    with at_station("validate"):
        clean = {name: _validate(project, name, table) for name, table in tables.items()}
    with at_station("features"):
        settled, parts, source = _split(project, clean)
    with at_station("fit"):
        leaks = _find_leaks(settled, parts["train"])
        models = _fit(settled, parts)
    with at_station("judge"):
        return _judge(settled, models, parts, source).model_copy(update={"leaks": leaks})


def _pull(project: Project, settings: Settings, rows: int | None) -> dict[str, pa.Table]:
    tables = {}
    for name, source in project.sources.items():
        objects, reader = MemoryObjects(), open_source(name, source, project.folder, settings)
        window = project.training_window if name == project.main else EVERYTHING
        ref = take_snapshot(objects, source, reader, window)
        tables[name] = read_table(objects, ref)
    return tables | {project.main: _sample(tables[project.main], rows)}


def _sample(table: pa.Table, rows: int | None) -> pa.Table:
    """Rows drawn evenly, in their order, so that every day keeps its share."""
    if rows is None or rows >= table.num_rows:
        return table
    drawn = np.random.default_rng(SEED).choice(table.num_rows, rows, replace=False)
    return table.take(pa.array(np.sort(drawn)))


def _validate(project: Project, name: str, table: pa.Table) -> pa.Table:
    findings = Findings(name, project.contract.of(name, project.main))
    clean, _ = check_rows(table, findings)
    check_table([table], findings)
    enforce_contract(findings, project.contract)
    note(**{f"{name} quarantined": findings.quarantined})
    return clean


def _split(project: Project, tables: dict[str, pa.Table]) -> tuple[Project, dict[str, Examples], pd.DataFrame]:
    """The project as its task settles it, its three parts, and the source's rows of the test part."""
    recipe, code = project.recipe, load_code(project.folder, project.functions)
    rows = to_frame(gaps_to_float(join_tables(tables[project.main], tables, project.joins)))
    target, labels = make_target(recipe, code, rows)
    check_row_wise(recipe, code, rows)
    table = build_training_features(recipe, code, rows)
    weight = make_weight(recipe, code, rows)
    part_of = split_rows(unit_of(rows, recipe), target, project.split, labels)

    def part(name: str) -> Examples:
        inside = (part_of == name).to_numpy(bool)
        weights = None if weight is None else weight[inside].to_numpy()
        return Examples(table[inside].reset_index(drop=True), target[inside].to_numpy(), labels, weights)

    return project.for_task(labels.task), {name: part(name) for name in PARTS}, rows[part_of == "test"]


def _find_leaks(project: Project, train: Examples) -> list[str]:
    from tierra.model.leaks import describe_leaks, find_leaks

    found = describe_leaks(find_leaks(train))
    if found and project.contract.leaks == "stop":
        raise DataRejected("leak-found", f"{project.name}: {'; '.join(found)}")
    return found


def _fit(project: Project, parts: dict[str, Examples]) -> dict[str, Any]:
    from tierra.model.candidates import check_types, fit_candidate
    from tierra.model.training import tune_threshold

    fitted: dict[str, Any] = {}
    for candidate in track(project.candidates or (), "candidates"):
        check_types(candidate, parts["train"], project.preprocessing)
        fitted[candidate.name] = fit_candidate(candidate, parts["train"], fitted, project.preprocessing)
    return {name: tune_threshold(model, parts["validation"], project.card.cost) for name, model in fitted.items()}


def _judge(project: Project, models: dict[str, Any], parts: dict[str, Examples], source: pd.DataFrame) -> Trial:
    from tierra.model.comparison import compare_models
    from tierra.model.preprocessing import describe_features
    from tierra.model.training import choose_candidate, measure, scorers_of

    labels, test = parts["test"].labels, parts["test"]
    scorers = scorers_of(labels, project.gate, project.metrics)
    validation = {name: measure(model, parts["validation"], scorers) for name, model in models.items()}
    best = choose_candidate(validation, project.gate)
    slices = slice_columns(source, project.slices)
    rivals = {best: (models[best], test), "rule": (models["rule"], test)}
    scores = compare_models(best, rivals, project.gate.metric_name, scorers, slices, explain=False).scores
    return Trial(
        project=project.name,
        task=labels.task,
        classes=labels.classes,
        metric=project.gate.metric_name,
        rows={name: len(part.target) for name, part in parts.items()},
        features=list(test.features.columns),
        treatments=describe_features(parts["train"].features, project.preprocessing),
        candidates=[each.model_dump(mode="json", exclude_none=True) for each in project.candidates or ()],
        validation=validation,
        scores=scores,
        verdict=judge(scores, project.gate),
    )
