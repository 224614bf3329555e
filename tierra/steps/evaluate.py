"""Measuring the best, the rule and the champion on the same rows, and judging."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.run.station import station
from tierra.journal import note, note_each
from tierra.model.gate import Scores, Verdict
from tierra.model.gate import judge as judge_scores
from tierra.model.release import Champion
from tierra.project.project import Project
from tierra.steps.features import FeatureTable
from tierra.steps.fit import Choice, load_fitted
from tierra.steps.parts import Parts, read_part, rows_of
from tierra.steps.register import is_same_training
from tierra.store.refs import TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import pandas as pd

    from tierra.model.comparison import Comparison
    from tierra.model.examples import Examples


@station
def evaluate_models(
    project: Project, snapshots: dict[str, TableRef], choice: Choice, table: FeatureTable, parts: Parts
) -> Scores:
    """Metrics of the best, the rule and the champion on the same test rows, with their intervals.

    A champion of the same inputs is the best itself.
    """
    from tierra.model.comparison import Comparison
    from tierra.store.memo import remember

    workspace = open_workspace()
    champion = workspace.registry().champion(project.name)
    if champion and is_same_training(project, snapshots, champion):
        champion = None
    wanted = [project.gate.metric, project.metrics, project.slices]
    # The champion by what it is, not by the folder its files were fetched to, a new one each time.
    served = [champion.version, champion.release] if champion else None
    inputs = [parts.test.sha256, table.joined.sha256, choice, served, wanted, _files(project)]
    compared = remember(workspace.objects, "evaluate", inputs, Comparison,
                        lambda: _compare(project, choice, table, parts, champion))  # fmt: skip
    note(evaluations=compared.evaluations)
    if compared.warning:
        note_each(warning=compared.warning)
    return compared.scores.model_copy(update={"champion_version": champion.version if champion else None})


@station
def judge(project: Project, scores: Scores) -> Verdict:
    """Whether a model passed the gate, with every reason."""
    verdict = judge_scores(scores, project.gate)
    note(verdict=verdict.model_dump())
    return verdict


def _files(project: Project) -> dict[str, str]:
    """Digests of the project's code, which decide whether its champion reads the same features."""
    from tierra.data.code import load_code

    return dict(load_code(project.folder, project.functions).files)


def _compare(
    project: Project, choice: Choice, table: FeatureTable, parts: Parts, champion: Champion | None
) -> "Comparison":
    from tierra.model.comparison import compare_models
    from tierra.model.training import scorers_of

    test, warning = read_part(parts.test, parts.labels), ""
    models = {choice.best.candidate: (load_fitted(choice.best), test), "rule": (load_fitted(choice.rule), test)}
    if champion:
        rows, warning = _as_champion_sees(project, champion, table, parts)
        models |= {"champion": (open_workspace().registry().load(champion), rows)} if rows else {}
    scorers = scorers_of(parts.labels, project.gate, project.metrics)
    slices = _columns_of_test(table, parts, project.slices) if project.slices else None
    compared = compare_models(choice.best.candidate, models, project.gate.metric_name, scorers, slices)
    return compared.model_copy(update={"warning": warning})


def _as_champion_sees(
    project: Project, champion: Champion, table: FeatureTable, parts: Parts
) -> "tuple[Examples | None, str]":
    """The test rows in the champion's features; None, and why, when it cannot read today's tables any more."""
    from dataclasses import replace

    from tierra.errors import DataRejected, Misconfigured
    from tierra.steps.champion import champion_features, judged_alike
    from tierra.store.tables import read_table

    workspace, test = open_workspace(), read_part(parts.test, parts.labels)
    cannot = f"champion version {champion.version} cannot read today's tables: "
    if champion.release.labels != parts.labels:
        return None, f"{cannot}it predicts {champion.release.labels.task}, {', '.join(champion.release.labels.classes)}"
    try:
        if judged_alike(project, champion):
            return test, ""
        joined = read_table(workspace.objects, table.joined)
        built = champion_features(workspace, project, champion, joined).iloc[rows_of(parts.test)]
        return replace(test, table=built.reset_index(drop=True)), ""
    except (DataRejected, Misconfigured) as error:
        if error.code == "code-differs":
            raise
        return None, cannot + error.what


def _columns_of_test(table: FeatureTable, parts: Parts, columns: Sequence[str]) -> "pd.DataFrame":
    """Columns of the source on the test rows."""
    from tierra.data.frames import to_frame
    from tierra.data.split import slice_columns
    from tierra.store.tables import read_table

    joined = to_frame(read_table(open_workspace().objects, table.joined))
    return slice_columns(joined.iloc[rows_of(parts.test)], columns)
