"""Fitting, choosing, evaluating and registering."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.features import FeatureTable, Parts
from tasks.station import station
from tierra.data.labels import Labels
from tierra.data.recipe import BESIDE, ROW, TARGET, WEIGHT
from tierra.journal import note, note_each
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

    from tierra.model.comparing import Compared
    from tierra.model.examples import Examples
    from tierra.model.spec import Average, Model, Rule


ROWS_COMPARED = 500


class Fitted(ObjectRef):
    """A fitted candidate as it would serve, and its metrics on validation."""

    candidate: str
    validation: dict[str, float]


class Choice(BaseModel):
    """The best model on validation, and the rule."""

    model_config = ConfigDict(frozen=True)

    best: Fitted
    rule: Fitted


@station
def fit_candidates(project: Project, parts: Parts) -> list[Fitted]:
    """Every candidate fitted on the training part, its threshold set on validation. Leaks are looked for first."""
    _find_leaks(project, parts)
    fitted: dict[str, Fitted] = {}
    for candidate in project.candidates or ():
        members = [fitted[name] for name in getattr(candidate, "average", ())]
        fitted[candidate.name] = _fit_once(project, candidate, parts, members)
    note(validation={name: each.validation for name, each in fitted.items()})
    _note_features(project, parts)
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
def evaluate_models(
    project: Project, snapshots: dict[str, TableRef], choice: Choice, table: FeatureTable, parts: Parts
) -> Scores:
    """Metrics of the best, the rule and the champion on the same test rows, with their intervals.

    A champion of the same inputs is the best itself.
    """
    from tierra.model.comparing import Compared
    from tierra.releasing import training_inputs
    from tierra.store.memo import remember

    workspace = open_workspace()
    champion = workspace.registry().champion(project.project)
    if champion and champion.release.inputs == training_inputs(project, _digests(snapshots)):
        champion = None
    wanted = [project.gate.metric, project.metrics, project.slices]
    # The champion by what it is, not by the folder its files were fetched to, a new one each time.
    served = [champion.version, champion.release] if champion else None
    inputs = [parts.test.sha256, table.joined.sha256, choice, served, wanted, _files(project)]
    compared = remember(workspace.objects, "evaluate", inputs, Compared,
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
        datasets=_digests(snapshots),
        types=table.joined.columns,
        labels=parts.labels,
        features=[name for name in parts.train.columns if name not in BESIDE],
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
    model, features = _load(winner), _read(parts.test, parts.labels).table
    check_agreement(model, features.head(ROWS_COMPARED), parts.labels)
    release = release.model_copy(update=_looks(project, snapshots, model, features, parts.labels))
    new = registry.register(
        release, model, features, {name: (project.folder / name).read_bytes() for name in release.code}, params, metrics
    )
    return _trained(project, "Promoted", verdict.reasons[-1], scores, new, verdict)


def _digests(snapshots: dict[str, TableRef]) -> dict[str, str]:
    return {name: ref.sha256 for name, ref in snapshots.items()}


def _files(project: Project) -> dict[str, str]:
    """Digests of the project's code, which decide whether its champion reads the same features."""
    from tierra.data.code import load_code

    return dict(load_code(project.folder, project.functions).files)


def _looks(
    project: Project, snapshots: dict[str, TableRef], model: Any, features: "pd.DataFrame", labels: Labels
) -> dict[str, Any]:
    """What scoring is compared with: the training data's profile, and what the model says of the test rows."""
    from tasks.profile import keep_profile, profile_of
    from tierra.model.artifact import predict
    from tierra.model.scoring import distribution

    scores, decided = distribution(predict(model, features, labels), labels)
    profile = profile_of(project.main, snapshots[project.main], project.main_source.key)
    return {"scores": scores, "decided": decided, "profile": keep_profile(profile)}


def _fit_once(project: Project, candidate: "Rule | Model | Average", parts: Parts, members: Sequence[Fitted]) -> Fitted:
    from tierra.store.memo import remember

    objects = open_workspace().objects
    data, inside = [parts.train.sha256, parts.validation.sha256, parts.labels], [each.sha256 for each in members]
    inputs = [*data, candidate, project.preprocessing, project.gate.metric, project.metrics, project.card.cost, inside]
    return remember(objects, "fit", inputs, Fitted, lambda: _fit(project, candidate, parts, members))


def _fit(project: Project, candidate: "Rule | Model | Average", parts: Parts, members: Sequence[Fitted]) -> Fitted:
    from tierra.model.artifact import dump_model, inner_model
    from tierra.model.candidates import check_types, fit_candidate
    from tierra.model.training import measure, scorers_of, tune

    examples, later = _read(parts.train, parts.labels), _read(parts.validation, parts.labels)
    check_types(candidate, examples, project.preprocessing)
    inside = {each.candidate: inner_model(_load(each)) for each in members}
    model = tune(fit_candidate(candidate, examples, inside, project.preprocessing), later, project.card.cost)
    with open_workspace().objects.draft("models/", ".skops") as draft:
        draft.write(dump_model(model))
    validation = measure(model, later, scorers_of(parts.labels, project.gate, project.metrics))
    return Fitted(name=draft.name, sha256=draft.sha256, candidate=candidate.name, validation=validation)


def _note_features(project: Project, parts: Parts) -> None:
    """What preprocessing does with each feature."""
    from tierra.model.preprocessing import describe, infer_treatments

    features = _read(parts.train, parts.labels).features
    treatments = infer_treatments(features, project.preprocessing)
    note(treatments={name: describe(each) for name, each in treatments.items()})


def _find_leaks(project: Project, parts: Parts) -> None:
    """Note what tells the target alone. Raises DataRejected where the contract says so."""
    from tierra.errors import DataRejected
    from tierra.model.leaks import find_leaks, say

    found = say(find_leaks(_read(parts.train, parts.labels)))
    note(leaks=found)
    if found and project.contract.leaks == "stop":
        raise DataRejected("leak-found", f"{project.project}: {'; '.join(found)}")


def _compare(
    project: Project, choice: Choice, table: FeatureTable, parts: Parts, champion: Champion | None
) -> "Compared":
    from tierra.model.comparing import compare_models
    from tierra.model.training import scorers_of

    test, warning = _read(parts.test, parts.labels), ""
    models = {choice.best.candidate: (_load(choice.best), test), "rule": (_load(choice.rule), test)}
    if champion:
        rows, warning = _as_champion_sees(project, champion, table, parts)
        models |= {"champion": (open_workspace().registry().load(champion), rows)} if rows else {}
    scorers = scorers_of(parts.labels, project.gate, project.metrics)
    slices = _columns_of_test(table, parts, project.slices) if project.slices else None
    compared = compare_models(choice.best.candidate, models, project.gate.measure, scorers, slices)
    return compared.model_copy(update={"warning": warning})


def _as_champion_sees(
    project: Project, champion: Champion, table: FeatureTable, parts: Parts
) -> "tuple[Examples | None, str]":
    """The test rows in the champion's features; None, and why, when it cannot read today's tables any more."""
    from dataclasses import replace

    from tierra.errors import DataRejected, Misconfigured
    from tierra.serving import champion_features, judged_alike
    from tierra.store.tables import read_table

    workspace, test = open_workspace(), _read(parts.test, parts.labels)
    cannot = f"champion version {champion.version} cannot read today's tables: "
    if champion.release.labels != parts.labels:
        return None, f"{cannot}it predicts {champion.release.labels.task}, {', '.join(champion.release.labels.classes)}"
    try:
        if judged_alike(project, champion):
            return test, ""
        joined = read_table(workspace.objects, table.joined)
        built = champion_features(workspace, project, champion, joined).iloc[_rows_of(parts.test)]
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
    return slice_columns(joined.iloc[_rows_of(parts.test)], columns)


def _rows_of(part: TableRef) -> "np.ndarray":
    """The places of a part's rows in the joined table."""
    from tierra.store.tables import read_table

    return read_table(open_workspace().objects, part, [ROW]).column(ROW).to_numpy()


def _load(fitted: ObjectRef) -> Any:
    from tierra.model.artifact import load_model

    objects = open_workspace().objects
    return load_model(objects.read(fitted.name), fitted.sha256, objects.location(fitted.name))


def _read(part: TableRef, labels: Labels) -> "Examples":
    """A part's features, target and weights."""
    from tierra.data.frames import to_frame
    from tierra.model.examples import Examples
    from tierra.store.tables import read_table

    frame = to_frame(read_table(open_workspace().objects, part))
    weight = frame[WEIGHT].to_numpy() if WEIGHT in frame else None
    table = frame.drop(columns=[name for name in BESIDE if name in frame])
    return Examples(table, frame[TARGET].to_numpy(), labels, weight)


def _trained(
    project: Project, outcome: Any, reason: str, scores: Scores, champion: Champion, verdict: Verdict | None = None
) -> Trained:
    release = champion.release
    note(datasets={name: sha256[:12] for name, sha256 in release.datasets.items()})
    return Trained(
        project=project.project,
        outcome=outcome,
        reason=reason,
        task=release.labels.task,
        metric=project.gate.measure,
        verdict=verdict or release.verdict,
        champion=Served(version=champion.version, candidate=release.candidate, metrics=release.metrics,
                        intervals=release.intervals),
        rule=Served(candidate="rule", metrics=scores.rule_metrics, intervals=scores.rule_intervals),
        best=Served(candidate=scores.best, metrics=scores.best_metrics, intervals=scores.best_intervals),
        rows=release.rows,
        model_sha256=release.model_sha256,
        datasets=release.datasets,
    )  # fmt: skip
