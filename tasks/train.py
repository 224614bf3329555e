"""Fitting, choosing, evaluating and registering."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.features import DAY, ROW, TARGET, FeatureTable, Parts
from tasks.station import station
from tierra.journal import note
from tierra.model.gate import Scores, Verdict
from tierra.model.gate import judge as judge_scores
from tierra.model.release import Champion
from tierra.outcomes import Served, Trained
from tierra.project import Project
from tierra.store.refs import ObjectRef, TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tierra.model.spec import Average, Model, Rule


ROWS_COMPARED = 500


class Fitted(ObjectRef):
    """A fitted candidate, its threshold set, and its metrics on validation."""

    candidate: str
    validation: dict[str, float]


class Choice(BaseModel):
    """The best model on validation, and the rule."""

    model_config = ConfigDict(frozen=True)

    best: Fitted
    rule: Fitted


@station
def fit_candidates(project: Project, parts: Parts) -> list[Fitted]:
    """Every candidate fitted on the training part, its threshold set on validation."""
    from tierra.model.training import in_order

    fitted: dict[str, Fitted] = {}
    for candidate in in_order([project.rule, *(each for each in project.candidates if each != project.rule)]):
        members = [fitted[name] for name in getattr(candidate, "average", ())]
        fitted[candidate.name] = _fit_once(project, candidate, parts, members)
    note(validation={name: each.validation for name, each in fitted.items()})
    return list(fitted.values())


@station
def choose_candidate(project: Project, fitted: list[Fitted]) -> Choice:
    """The model that is best on validation, beside the rule."""
    from tierra.model.training import choose_candidate as choose

    by_name = {each.candidate: each for each in fitted}
    best = choose({name: each.validation for name, each in by_name.items()}, project.gate)
    note(best=best)
    return Choice(best=by_name[best], rule=by_name["rule"])


@station
def evaluate_models(project: Project, choice: Choice, table: FeatureTable, parts: Parts) -> Scores:
    """Metrics of the best, the rule and the champion on the same test rows."""
    from tierra.model.training import measure

    features, target = _read(parts.test)
    champion = open_workspace().registry().champion(project.project)
    against = _measure_champion(project, champion, table, parts, target) if champion else None
    best, rule = (measure(_load(each), features, target) for each in (choice.best, choice.rule))
    note(test={choice.best.candidate: best, "rule": rule} | ({"champion": against} if against else {}))
    return Scores(
        rows=parts.test.rows,
        best=choice.best.candidate,
        best_metrics=best,
        rule_metrics=rule,
        champion_metrics=against,
        champion_version=champion.version if champion else None,
    )


@station
def judge(project: Project, scores: Scores) -> Verdict:
    """Whether a model passed the gate, with every reason."""
    verdict = judge_scores(scores, project.gate)
    note(verdict=verdict.model_dump())
    return verdict


@station
def register_model(
    project: Project, snapshots: dict[str, TableRef], table: FeatureTable, parts: Parts, choice: Choice,
    scores: Scores, verdict: Verdict,
) -> Trained:  # fmt: skip
    """Register the winner as champion, or keep the one that serves."""
    from tierra.model.artifact import check_agreement
    from tierra.releasing import make_release

    registry = open_workspace().registry()
    champion = registry.champion(project.project)
    winner = choice.rule if verdict.winner == "rule" else choice.best
    release = make_release(
        project,
        datasets={name: ref.sha256 for name, ref in snapshots.items()},
        types=table.joined.columns,
        features=[name for name in parts.train.columns if name not in (TARGET, DAY, ROW)],
        rows=parts.rows,
        scores=scores,
        verdict=verdict,
    )
    if champion and champion.release.inputs == release.inputs:
        return _trained(project, "KeptChampion", f"same inputs as version {champion.version}", scores, champion)
    params = {"candidate": winner.candidate, "gate.metric": project.gate.metric, "rows": parts.rows}
    metrics = {f"test.{name}": value for name, value in release.metrics.items()}
    metrics |= {f"rule.{name}": value for name, value in release.rule_metrics.items()}
    if champion and not verdict.promote:
        registry.record(release, params, metrics)
        return _trained(project, "KeptChampion", verdict.reasons[-1], scores, champion, verdict)
    features, _ = _read(parts.test)
    model = _load(winner)
    check_agreement(model, features.head(ROWS_COMPARED))
    new = registry.register(
        release, model, features, {name: (project.folder / name).read_bytes() for name in release.code}, params, metrics
    )
    return _trained(project, "Promoted", verdict.reasons[-1], scores, new, verdict)


def _fit_once(project: Project, candidate: "Rule | Model | Average", parts: Parts, members: Sequence[Fitted]) -> Fitted:
    from tierra.store.memo import remember

    objects = open_workspace().objects
    data, inside = [parts.train.sha256, parts.validation.sha256], [each.sha256 for each in members]
    inputs = [*data, candidate, project.card.cost, inside]
    return remember(objects, "fit", inputs, Fitted, lambda: _fit(project, candidate, parts, members))


def _fit(project: Project, candidate: "Rule | Model | Average", parts: Parts, members: Sequence[Fitted]) -> Fitted:
    from tierra.model.artifact import dump_model
    from tierra.model.candidates import check_types, fit_candidate
    from tierra.model.training import measure, tune_threshold

    features, target = _read(parts.train)
    check_types(candidate, features, target)
    inside = {each.candidate: _load(each).estimator.estimator for each in members}
    later, later_target = _read(parts.validation)
    fitted = fit_candidate(candidate, features, target, inside)
    model = tune_threshold(fitted, later, later_target, project.card.cost)
    with open_workspace().objects.draft("models/", ".skops") as draft:
        draft.write(dump_model(model))
    validation = measure(model, later, later_target)
    return Fitted(name=draft.name, sha256=draft.sha256, candidate=candidate.name, validation=validation)


def _load(fitted: ObjectRef) -> Any:
    from tierra.model.artifact import load_model

    objects = open_workspace().objects
    return load_model(objects.read(fitted.name), fitted.sha256, objects.location(fitted.name))


def _read(part: TableRef) -> "tuple[pd.DataFrame, np.ndarray]":
    """A part's features and its target."""
    from tierra.data.frames import to_frame
    from tierra.store.tables import read_table

    frame = to_frame(read_table(open_workspace().objects, part))
    return frame.drop(columns=[TARGET, DAY, ROW]), frame[TARGET].to_numpy()


def _measure_champion(
    project: Project, champion: Champion, table: FeatureTable, parts: Parts, target: "np.ndarray"
) -> dict[str, float] | None:
    """The champion on the test rows; None, with a warning, when it cannot read today's tables any more."""
    from tierra.errors import DataRejected, Misconfigured
    from tierra.model.training import measure
    from tierra.serving import champion_features, judged_alike
    from tierra.store.tables import read_table

    workspace = open_workspace()
    model = workspace.registry().load(champion)
    try:
        if judged_alike(project, champion):
            return measure(model, _read(parts.test)[0], target)
        numbers = read_table(workspace.objects, parts.test, [ROW]).column(ROW).to_numpy()
        joined = read_table(workspace.objects, table.joined)
        return measure(model, champion_features(workspace, project, champion, joined).iloc[numbers], target)
    except (DataRejected, Misconfigured) as error:
        if error.code == "code-differs":
            raise
        note(warning=f"champion version {champion.version} cannot read today's tables: {error.what}")
        return None


def _trained(
    project: Project, outcome: Any, reason: str, scores: Scores, champion: Champion, verdict: Verdict | None = None
) -> Trained:
    release = champion.release
    note(datasets={name: sha256[:12] for name, sha256 in release.datasets.items()})
    return Trained(
        project=project.project,
        outcome=outcome,
        reason=reason,
        verdict=verdict or release.verdict,
        champion=Served(version=champion.version, candidate=release.candidate, metrics=release.metrics),
        rule=Served(candidate="rule", metrics=scores.rule_metrics),
        best=Served(candidate=scores.best, metrics=scores.best_metrics),
        rows=release.rows,
        model_sha256=release.model_sha256,
        datasets=release.datasets,
    )
