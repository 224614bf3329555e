"""Measuring the best, the rule and the champion on the same rows, and judging."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from tierra.data.code import load_code
from tierra.data.columns import require_columns
from tierra.data.frames import to_frame
from tierra.data.labels import Labels
from tierra.errors import DataRejected
from tierra.facts import ModelsEvaluated
from tierra.journal import note, warn
from tierra.model import gate
from tierra.model.admission import takes
from tierra.model.comparison import compare_models
from tierra.model.evaluation import Evaluation
from tierra.model.gate import Scores, Verdict
from tierra.model.release import Champion
from tierra.model.study import Material, study_model
from tierra.model.training import scorers_of
from tierra.project.project import Project
from tierra.steps.champion import current_champion
from tierra.steps.champion_beside import champion_beside, judged_on, learnt_facts
from tierra.steps.fit import Choice, load_fitted
from tierra.steps.learning import Learning
from tierra.steps.learnt import learnt_from, units_of
from tierra.steps.parts import read_part, rows_of
from tierra.steps.release import is_same_training, training_inputs
from tierra.store.memo import digest, remember
from tierra.store.refs import ObjectRef
from tierra.store.tables import read_table
from tierra.store.uses import Sketch, count_use, next_use, sketch_units
from tierra.store.values import keep_value, read_value
from tierra.workspace import Workspace


class Evaluations(BaseModel):
    """What was measured of each model on the test rows, by its name."""

    model_config = ConfigDict(frozen=True)

    models: dict[str, Evaluation]


class Measured(BaseModel):
    """What the gate judges, where the rest that was measured is kept, and what a person should see of it."""

    model_config = ConfigDict(frozen=True)

    scores: Scores
    evaluations: ObjectRef
    sketch: Sketch = Sketch()
    warnings: tuple[str, ...] = ()


class Evaluated(BaseModel):
    """The choice, and its scores beside those of the rule and of the champion."""

    model_config = ConfigDict(frozen=True)

    choice: Choice
    scores: Scores
    evaluations: ObjectRef
    sketch: Sketch = Sketch()
    champion_number: int = 0
    variant: str = ""  # of a smaller variant of the champion its name, and a digest of all that are judged together
    family: str = ""

    @property
    def made_as(self) -> str:
        """What makes it another model than the training's own; empty of that."""
        return f"{self.variant} {self.family}".strip()

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
    named = [project.gate.metric, project.measured, project.slices, project.gate.guardrails, project.card.cost, explain,
             replace]  # fmt: skip
    code = load_code(project.folder, project.functions).files  # decides whether the champion reads the same features
    inputs = [choice.parts, choice.best, choice.rule, serving, named, dict(code)]
    measured = remember(workspace.objects, __name__, inputs, Measured,
                        lambda: _measure(workspace, project, choice, champion, explain, replace))  # fmt: skip
    note(ModelsEvaluated(read_value(workspace.objects, measured.evaluations, Evaluations).models))
    for each in measured.warnings:
        warn(each)
    scores = measured.scores.model_copy(update={"champion_version": champion.version if champion else None})
    return Evaluated(choice=choice, scores=scores, evaluations=measured.evaluations, sketch=measured.sketch)


def judge(workspace: Workspace, project: Project, evaluated: Evaluated, dry_run: bool = False) -> Judged:
    """Whether a model passed the gate, with every reason.

    A comparison with a champion uses the test part, and is counted before there is a verdict; once, however often it
    is tried again. A dry run promotes nothing, so it counts nothing, and is judged as the next use.
    """
    verdict = gate.judge(evaluated.scores, project.gate, _use_of_test(workspace, project, evaluated, dry_run))
    for each in verdict.checks:
        if each.kind == "guardrail" and each.outcome == "not known":
            warn(f"gate, {each.check}: {each.reason}; it holds nothing back")
    return Judged(**dict(evaluated), verdict=verdict)


def _use_of_test(workspace: Workspace, project: Project, evaluated: Evaluated, dry_run: bool) -> int:
    if evaluated.scores.champion_metrics is None:
        return 1
    key = digest([training_inputs(project, evaluated.datasets, evaluated.family), evaluated.champion_number])
    use = next_use if dry_run else count_use
    return use(workspace.objects, project.name, key, evaluated.sketch)


def read_evaluations(workspace: Workspace, champion: Champion) -> dict[str, Evaluation]:
    """What was measured of the champion, the rule and the champion before on the test rows of its training."""
    kept = champion.release.evaluations
    return read_value(workspace.objects, kept, Evaluations).models if kept else {}


def _measure(
    workspace: Workspace, project: Project, choice: Choice, champion: Champion | None, explain: bool,
    replace: bool,
) -> Measured:  # fmt: skip
    parts, best = choice.parts, choice.best.candidate
    test = read_part(workspace, parts, "test")
    best_model, rule = (load_fitted(workspace, project, each) for each in (choice.best, choice.rule))
    models = {best: (best_model, test), "rule": (rule, test)}
    known, warning = champion_beside(workspace, project, parts, champion, replace, test)
    nothing = np.zeros(len(test.target), bool)
    learnt = learnt_from(workspace, project, parts, champion) if champion and known else nothing
    unlearnt = judged_on(test, learnt)
    kept = unlearnt[takes(best_model, test.table)[unlearnt]]  # a row without a prediction is not judged
    _require_rows(test.target[kept], len(unlearnt), parts.labels)
    models = {name: (model, rows.take(kept)) for name, (model, rows) in (models | known).items()}
    groups = groups_of(workspace, project, choice, kept)
    scorers = scorers_of(parts.labels, project.gate, project.measured)
    compared = compare_models(
        best, models, project.gate.metric_name, scorers,
        groups[list(project.slices)] if project.slices else None, explain, project.gate.guardrails, groups,
        len(workspace.objects.read(choice.best.name)) if project.gate.size_mb else None,
    )  # fmt: skip
    scores = compared.scores.model_copy(update=learnt_facts(test, learnt, unlearnt))
    evaluations = compared.evaluations
    if explain:
        train, keys = Learning(workspace, project, parts).taken, _keys_of_test(workspace, project, choice).iloc[kept]
        material = Material(train, keys.reset_index(drop=True), project.card.cost, tuple(scorers),
                            compared.predictions)  # fmt: skip
        evaluations |= {best: study_model(evaluations[best], *models[best], material, evaluations["rule"])}
    kept_as = keep_value(workspace.objects, "evaluations/", Evaluations(models=evaluations))
    sketch = sketch_units(units_of(workspace, parts.test)[kept]) if known else Sketch()
    said = (warning, _untaken(len(unlearnt) - len(kept), len(test.target)), _without_mape(project, test.target[kept]))
    warnings = tuple(filter(None, said))
    return Measured(scores=scores, evaluations=kept_as, sketch=sketch, warnings=warnings)


def _require_rows(left: np.ndarray, rows: int, labels: Labels) -> None:
    """Raise DataRejected where preparation leaves nothing to judge on: no row, or those of one class."""
    if len(np.unique(left)) < (1 if labels.task == "regression" else 2) and len(left) < rows:
        others = ", and the others are of one class" if len(left) else ""
        what = f"preprocessing sets {rows - len(left):,} of {rows:,} test rows aside{others}"
        raise DataRejected("rows-none", f"{what}: nothing can be judged on them")


def _without_mape(project: Project, target: np.ndarray) -> str:
    zeros = int((target == 0).sum()) if "mape" in project.measured else 0
    return f"MAPE is not given: {zeros:,} of {len(target):,} test rows have a target of 0" if zeros else ""


def _untaken(aside: int, rows: int) -> str:
    why = "preparation sets them aside, and at night they get no prediction"
    return f"{aside:,} of {rows:,} test rows are not judged: {why}" if aside else ""


def _keys_of_test(workspace: Workspace, project: Project, choice: Choice) -> pd.DataFrame:
    """The key of each test row, as the source has it."""
    joined = choice.parts.table.joined
    names = [name for name in project.main_source.key if name in joined.columns]
    rows = rows_of(workspace, choice.parts.test)
    return to_frame(read_table(workspace.objects, joined, names)).iloc[rows] if names else pd.DataFrame({"row": rows})


def groups_of(workspace: Workspace, project: Project, choice: Choice, kept: np.ndarray) -> pd.DataFrame:
    """The source's columns of slices, and of groups that are no features, on the rows that are judged."""
    table, groups = choice.parts.table, project.gate.fairness
    names = [*project.slices, *(each for each in (groups.by if groups else ()) if each in table.joined.columns)]
    if not names:
        return pd.DataFrame(index=range(len(kept)))
    require_columns("slices", names, table.joined.columns)
    joined = to_frame(read_table(workspace.objects, table.joined, list(dict.fromkeys(names))))
    return joined.iloc[rows_of(workspace, choice.parts.test)[kept]].reset_index(drop=True)
