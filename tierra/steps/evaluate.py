"""Measuring the best, the rule and the champion on the same rows, and judging."""

import dataclasses
from collections.abc import Sequence

import pandas as pd
from pydantic import BaseModel, ConfigDict

from tierra.data.code import load_code
from tierra.data.frames import to_frame
from tierra.data.split import slice_columns
from tierra.errors import DataRejected, Misconfigured
from tierra.facts import ModelsEvaluated
from tierra.journal import note, warn
from tierra.model import gate
from tierra.model.comparison import compare_models
from tierra.model.evaluation import Evaluation
from tierra.model.examples import Examples
from tierra.model.gate import Scores, Verdict
from tierra.model.release import Champion
from tierra.model.study import Material, study_model
from tierra.model.training import scorers_of
from tierra.project.project import Project
from tierra.steps.champion import champion_features, current_champion, has_same_features
from tierra.steps.fit import Choice, load_fitted
from tierra.steps.parts import read_part, rows_of
from tierra.steps.release import is_same_training
from tierra.store.memo import remember
from tierra.store.refs import ObjectRef
from tierra.store.tables import read_table
from tierra.store.values import keep_value, read_value
from tierra.workspace import Workspace


class Evaluations(BaseModel):
    """What was measured of each model on the test rows, by its name."""

    model_config = ConfigDict(frozen=True)

    models: dict[str, Evaluation]


class Measured(BaseModel):
    """What the gate judges, where the rest that was measured is kept, and why the champion is missing."""

    model_config = ConfigDict(frozen=True)

    scores: Scores
    evaluations: ObjectRef
    warning: str = ""


class Evaluated(BaseModel):
    """The choice, and its scores beside those of the rule and of the champion."""

    model_config = ConfigDict(frozen=True)

    choice: Choice
    scores: Scores
    evaluations: ObjectRef
    champion_number: int = 0

    @property
    def datasets(self) -> dict[str, str]:
        """The digests of the snapshots that all of it comes from, by source."""
        return self.choice.parts.table.snapshots.digests


class Judged(Evaluated):
    """An evaluated choice, the verdict on it, and who approved it, where the project asks for approval."""

    verdict: Verdict
    approved_by: str = ""


def evaluate_models(
    workspace: Workspace, project: Project, choice: Choice, replace_champion: bool = False
) -> Evaluated:
    """Metrics of the best, the rule and the champion on the same test rows, with their intervals.

    A champion of the same inputs is the best itself. One that cannot read today's tables stops the
    training, unless it may be replaced without being compared. Raises DataRejected or Misconfigured.
    """
    champion = current_champion(workspace, project)
    same = champion and is_same_training(project, choice.parts.table.snapshots.digests, champion)
    evaluated = measure_models(workspace, project, choice, None if same else champion, replace=replace_champion)
    return evaluated.model_copy(update={"champion_number": champion.number if champion else 0})


def measure_models(
    workspace: Workspace,
    project: Project,
    choice: Choice,
    champion: Champion | None,
    explain: bool = True,
    replace: bool = False,
) -> Evaluated:
    """The same beside a given champion; without `explain`, the features' importance is left out."""
    # The champion by what it is, not by where its files lie.
    serving = champion.release if champion else None
    named = [project.gate.metric, project.metrics, project.slices, project.card.cost, explain, replace]
    code = load_code(project.folder, project.functions).files  # decides whether the champion reads the same features
    inputs = [choice.parts, choice.best, choice.rule, serving, named, dict(code)]
    measured = remember(workspace.objects, __name__, inputs, Measured,
                        lambda: _measure(workspace, project, choice, champion, explain, replace))  # fmt: skip
    note(ModelsEvaluated(read_value(workspace.objects, measured.evaluations, Evaluations).models))
    if measured.warning:
        warn(measured.warning)
    scores = measured.scores.model_copy(update={"champion_version": champion.version if champion else None})
    return Evaluated(choice=choice, scores=scores, evaluations=measured.evaluations)


def judge(project: Project, evaluated: Evaluated) -> Judged:
    """Whether a model passed the gate, with every reason."""
    return Judged(**dict(evaluated), verdict=gate.judge(evaluated.scores, project.gate))


def read_evaluations(workspace: Workspace, champion: Champion) -> dict[str, Evaluation]:
    """What was measured of the champion, the rule and the champion before on the test rows of its training."""
    kept = champion.release.evaluations
    return read_value(workspace.objects, kept, Evaluations).models if kept else {}


def _measure(
    workspace: Workspace, project: Project, choice: Choice, champion: Champion | None, explain: bool,
    replace: bool,
) -> Measured:  # fmt: skip
    parts, best = choice.parts, choice.best.candidate
    test, warning = read_part(workspace, parts, "test"), ""
    models = {best: (load_fitted(workspace, choice.best), test), "rule": (load_fitted(workspace, choice.rule), test)}
    if champion:
        try:
            rows = _as_champion_sees(workspace, project, choice, champion)
            models["champion"] = (workspace.champions.load(champion), rows)
        except (DataRejected, Misconfigured) as error:
            if error.code == "code-differs":
                raise
            warning = f"champion version {champion.version} cannot read today's tables: {error.what}"
            if not replace:
                raise type(error)("champion-unread", warning) from None
            warning += "; it is replaced without being compared, as this run was asked to"
    scorers = scorers_of(parts.labels, project.gate, project.metrics)
    slices = _columns_of_test(workspace, choice, project.slices) if project.slices else None
    compared = compare_models(best, models, project.gate.metric_name, scorers, slices, explain)
    evaluations = compared.evaluations
    if explain:
        material = Material(read_part(workspace, parts, "train"), _keys_of_test(workspace, project, choice),
                            project.card.cost, tuple(scorers))  # fmt: skip
        evaluations |= {best: study_model(evaluations[best], *models[best], material, evaluations["rule"])}
    kept = keep_value(workspace.objects, "evaluations/", Evaluations(models=evaluations))
    return Measured(scores=compared.scores, evaluations=kept, warning=warning)


def _as_champion_sees(workspace: Workspace, project: Project, choice: Choice, champion: Champion) -> Examples:
    """The test rows in the champion's features. Raises when it cannot read today's tables any more."""
    parts, test = choice.parts, read_part(workspace, choice.parts, "test")
    labels = champion.release.labels
    if labels != parts.labels:
        raise DataRejected("champion-unread", f"it predicts {labels.task}, {', '.join(labels.classes)}")
    if has_same_features(workspace, project, champion):
        return test
    joined = read_table(workspace.objects, parts.table.joined)
    built = champion_features(workspace, project, champion, joined).iloc[rows_of(workspace, parts.test)]
    return dataclasses.replace(test, table=built.reset_index(drop=True))


def _keys_of_test(workspace: Workspace, project: Project, choice: Choice) -> pd.DataFrame:
    """The key of each test row, as the source has it."""
    joined = choice.parts.table.joined
    names = [name for name in project.main_source.key if name in joined.columns]
    rows = rows_of(workspace, choice.parts.test)
    return to_frame(read_table(workspace.objects, joined, names)).iloc[rows] if names else pd.DataFrame({"row": rows})


def _columns_of_test(workspace: Workspace, choice: Choice, columns: Sequence[str]) -> pd.DataFrame:
    """Columns of the source on the test rows."""
    joined = to_frame(read_table(workspace.objects, choice.parts.table.joined))
    return slice_columns(joined.iloc[rows_of(workspace, choice.parts.test)], columns)
