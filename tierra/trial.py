"""A trial: the whole training on a sample, over values, without an orchestrator or a registry.

It runs the same functions as the train flow's stations, in the same order.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from tierra.data.code import load_code
from tierra.data.contract import Findings, check_rows, check_table, uphold
from tierra.data.features import build_training_features, check_row_wise, make_target
from tierra.data.frames import settle_types, to_frame
from tierra.data.joins import join_tables
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import open_source
from tierra.data.split import days_of, split_by_time
from tierra.data.window import EVERYTHING
from tierra.journal import at_station, note
from tierra.model.gate import Scores, Verdict, judge
from tierra.project import Project
from tierra.settings import Settings
from tierra.store.objects import MemoryObjects
from tierra.store.tables import read_table

SEED = 0


class Trial(BaseModel):
    """What a trial found."""

    project: str
    rows: dict[str, int]
    features: list[str]
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
        features, target, parts = _features(project, clean)
    with at_station("fit"):
        models = _fit(project, features, target, parts)
    with at_station("judge"):
        return _judge(project, models, features, target, parts)


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
    uphold(findings, project.contract)
    note(**{f"{name} quarantined": findings.quarantined})
    return clean


def _features(project: Project, tables: dict[str, pa.Table]) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    recipe, code = project.recipe, load_code(project.folder, project.functions)
    rows = to_frame(settle_types(join_tables(tables[project.main], tables, project.joins)))
    target = make_target(recipe, code, rows)
    check_row_wise(recipe, code, rows)
    features = build_training_features(recipe, code, rows)
    return features, target, split_by_time(days_of(rows, recipe.dates), target, project.split)


def _fit(project: Project, features: pd.DataFrame, target: pd.Series, parts: pd.Series) -> dict[str, Any]:
    from tierra.model.candidates import fit_candidate
    from tierra.model.training import in_order, tune_threshold

    fitted: dict[str, Any] = {}
    train, later = parts == "train", parts == "validation"
    for candidate in in_order([project.rule, *(each for each in project.candidates if each != project.rule)]):
        fitted[candidate.name] = fit_candidate(candidate, features[train], target[train].to_numpy(), fitted)
    return {
        name: tune_threshold(model, features[later], target[later].to_numpy(), project.card.cost)
        for name, model in fitted.items()
    }


def _judge(
    project: Project, models: dict[str, Any], features: pd.DataFrame, target: pd.Series, parts: pd.Series
) -> Trial:
    from tierra.model.training import choose_candidate, measure

    def measured(name: str, part: str) -> dict[str, float]:
        return measure(models[name], features[parts == part], target[parts == part].to_numpy())

    validation = {name: measured(name, "validation") for name in models}
    best = choose_candidate(validation, project.gate)
    scores = Scores(
        rows=int((parts == "test").sum()),
        best=best,
        best_metrics=measured(best, "test"),
        rule_metrics=measured("rule", "test"),
    )
    return Trial(
        project=project.project,
        rows={str(part): int(rows) for part, rows in parts.value_counts().items()},
        features=list(features.columns),
        validation=validation,
        scores=scores,
        verdict=judge(scores, project.gate),
    )
