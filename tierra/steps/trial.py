"""A trial: the steps of a training on a sample of the rows, over a store in memory; nothing is kept."""

from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from tierra.data.file_source import TextsRead
from tierra.facts import RowsQuarantined
from tierra.journal import Warned, at_station
from tierra.model.balance_found import WayCompared
from tierra.model.decision_chosen import DecisionChosen, DecisionMeasured
from tierra.model.gate import Scores, Verdict, describe_gate
from tierra.model.leaks.finding import Leak
from tierra.project.project import Project
from tierra.spec import Task
from tierra.steps.balance import check_conditions
from tierra.steps.evaluate import Evaluations, Judged, judge, measure_models
from tierra.steps.features import build_features
from tierra.steps.fit import FittedCandidates, choose_candidate, fit_candidates
from tierra.steps.parts import split_table
from tierra.steps.pull import Snapshots, pull_sources
from tierra.steps.set_aside import check_set_aside
from tierra.steps.validate import validate_tables
from tierra.store.tables import read_table, write_table
from tierra.store.values import read_value
from tierra.workspace import Workspace, in_memory

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
    leaks: list[Leak] = []
    texts: list[str] = []
    warnings: list[str] = []
    candidates: list[dict[str, Any]]
    validation: dict[str, dict[str, float]]
    searches: list[str] = []
    stopped: str = ""
    balance: list[WayCompared] = []
    held_out: int
    folds: int
    decision: DecisionChosen | None = None
    decided: DecisionMeasured | None = None
    scores: Scores
    gate: str
    verdict: Verdict


def try_project(workspace: Workspace, project: Project, rows: int | None) -> Trial:
    """Train and judge on a sample of the first source's rows; all of them when `rows` is None.

    Nothing is kept: no snapshot, no run, no model. Raises the errors the flow would.
    """
    trial = in_memory(workspace)
    with at_station("pull") as pull:
        snapshots = sample_rows(trial, project, pull_sources(trial, project), rows)
    with at_station("validate") as validate:
        clean = validate_tables(trial, project, snapshots)
    with at_station("features") as features:
        table = build_features(trial, project, clean)
        project = project.for_task(table.labels.task)
        parts = split_table(trial, project, table)
    with at_station("fit") as fit:
        check_conditions(project, parts)
        check_set_aside(trial, project, parts)
        candidates = fit_candidates(trial, project, parts)
    with at_station("judge"):
        choice = choose_candidate(trial, project, candidates)
        judged = judge(trial, project, measure_models(trial, project, choice, champion=None, explain=False))
    facts = [fact for entry in (pull, validate, features, fit) for fact in entry.facts]
    measured = read_value(trial.objects, judged.evaluations, Evaluations).models[judged.scores.best]
    aside = [fact.line for fact in facts if isinstance(fact, RowsQuarantined)]
    warned = [fact.text for fact in facts if isinstance(fact, Warned)]
    return _describe(project, candidates, judged).model_copy(update={
        "decision": candidates.fitted[judged.scores.best].chosen, "decided": measured.decisions,
        "texts": list(dict.fromkeys(str(fact) for fact in facts if isinstance(fact, TextsRead))),
        "warnings": list(dict.fromkeys([*aside, *warned])),
    })  # fmt: skip


def sample_rows(workspace: Workspace, project: Project, snapshots: Snapshots, rows: int | None) -> Snapshots:
    """Rows of the first source drawn evenly, in their order, so that every day keeps its share."""
    main = snapshots.tables[project.main]
    if rows is None or rows >= main.rows:
        return snapshots
    table = read_table(workspace.objects, main)
    drawn = np.random.default_rng(SEED).choice(table.num_rows, rows, replace=False)
    sample = table.take(pa.array(np.sort(drawn)))
    kept = write_table(workspace.objects, "snapshots/", sample.schema, [sample])
    return Snapshots(tables=snapshots.tables | {project.main: kept})


def _describe(project: Project, candidates: FittedCandidates, judged: Judged) -> Trial:
    parts = candidates.parts
    return Trial(
        project=project.name,
        task=parts.labels.task,
        classes=parts.labels.classes,
        metric=project.gate.metric_name,
        rows=parts.rows,
        features=list(candidates.treatments),
        treatments=candidates.treatments | candidates.beside,
        leaks=list(candidates.leaks),
        candidates=[
            each.model_dump(mode="json", exclude_none=True)
            for each in project.candidates or ()
            if each.name in candidates.compared
        ],
        validation=candidates.compared,
        searches=[each.line for each in candidates.searches],
        stopped=candidates.stopped,
        balance=list(candidates.balance.ways),
        held_out=candidates.rows,
        folds=candidates.folds,
        scores=judged.scores,
        gate=describe_gate(project.gate),
        verdict=judged.verdict,
    )
