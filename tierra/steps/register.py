"""Registering what won, or keeping what serves."""

from typing import TYPE_CHECKING, Any

from tasks.run.station import station
from tierra.data.labels import Labels
from tierra.data.recipe import EXTRA_COLUMNS
from tierra.journal import note, note_made
from tierra.model.gate import Scores, Verdict
from tierra.model.release import Champion
from tierra.outcomes import NOTHING_SERVES, Served, Trained
from tierra.project.project import Project
from tierra.steps.features import FeatureTable
from tierra.steps.fit import Choice, load_fitted
from tierra.steps.parts import Parts, read_part
from tierra.steps.profile import keep_profile, profile_of
from tierra.steps.pull import digests_of
from tierra.store.refs import TableRef
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import pandas as pd

ROWS_COMPARED = 500


@station
def register_model(
    project: Project, snapshots: dict[str, TableRef], table: FeatureTable, parts: Parts, choice: Choice,
    scores: Scores, verdict: Verdict, reason: str = "",
) -> Trained:  # fmt: skip
    """Register the winner as champion, or keep what serves."""
    from tierra.model.artifact import check_agreement
    from tierra.steps.release import make_release

    recorder = open_workspace().recorder()
    champion = recorder.champion(project.name)
    winner = choice.rule if verdict.winner == "rule" else choice.best
    release = make_release(
        project,
        datasets=digests_of(snapshots),
        types=table.joined.columns,
        labels=parts.labels,
        features=[name for name in parts.train.columns if name not in EXTRA_COLUMNS],
        rows=parts.rows,
        scores=scores,
        verdict=verdict,
        reason=reason,
    )
    if champion and champion.release.inputs == release.inputs:
        said, then = f"same inputs as version {champion.version}", champion.release.verdict
        return _trained(project, "KeptChampion", said, scores, champion, then, parts, snapshots)
    if not verdict.promote:
        note(mlflow_run=recorder.record(release))
        return _trained(project, "KeptChampion", verdict.reasons[-1], scores, champion, verdict, parts, snapshots)
    model, features = load_fitted(winner), read_part(parts.test, parts.labels).table
    check_agreement(model, features.head(ROWS_COMPARED), parts.labels)
    release = release.model_copy(update=_looks(project, snapshots, model, features, parts.labels))
    code = {name: (project.folder / name).read_bytes() for name in release.code}
    new = recorder.register(release, model, features, code)
    note_made()
    settled = "; ".join(verdict.reasons[-2 if project.gate.approval else -1 :])
    return _trained(project, "Promoted", settled, scores, new, verdict, parts, snapshots)


@station
def preview_model(
    project: Project, snapshots: dict[str, TableRef], parts: Parts, scores: Scores, verdict: Verdict
) -> Trained:
    """What registering would end with; nothing is registered."""
    champion = open_workspace().registry().champion(project.name)
    if champion and is_same_training(project, snapshots, champion):
        would = f"would keep version {champion.version}: same inputs"
    else:
        would = f"would {'promote' if verdict.promote else 'keep the champion'}: {verdict.reasons[-1]}"
    return _trained(project, "DryRun", would, scores, champion, verdict, parts, snapshots)


def is_same_training(project: Project, snapshots: dict[str, TableRef], champion: Champion) -> bool:
    """Whether the champion came from the same data, project file and code."""
    from tierra.steps.release import training_inputs

    return champion.release.inputs == training_inputs(project, digests_of(snapshots))


def _looks(
    project: Project, snapshots: dict[str, TableRef], model: Any, features: "pd.DataFrame", labels: Labels
) -> dict[str, Any]:
    """What scoring is compared with: the training data's profile, and what the model says of the test rows."""
    from tierra.model.artifact import predict
    from tierra.model.distributions import distribution

    scores, decided = distribution(predict(model, features, labels), labels)
    profile = profile_of(project.main, snapshots[project.main], project.main_source.key)
    return {"scores": scores, "decided": decided, "profile": keep_profile(profile)}


def _trained(
    project: Project, outcome: Any, reason: str, scores: Scores, champion: Champion | None, verdict: Verdict,
    parts: Parts, snapshots: dict[str, TableRef],
) -> Trained:  # fmt: skip
    release = champion.release if champion else None
    datasets = release.datasets if release else digests_of(snapshots)
    note(datasets={name: sha256[:12] for name, sha256 in datasets.items()}, champion=champion)
    return Trained(
        project=project.name,
        outcome=outcome,
        reason=reason,
        task=(release.labels if release else parts.labels).task,
        metric=project.gate.metric_name,
        verdict=verdict,
        champion=_served(champion),
        rule=Served(candidate="rule", metrics=scores.rule_metrics, intervals=scores.rule_intervals),
        best=Served(candidate=scores.best, metrics=scores.best_metrics, intervals=scores.best_intervals),
        rows=release.rows if release else parts.rows,
        model_sha256=release.model_sha256 if release else "",
        datasets=datasets,
    )


def _served(champion: Champion | None) -> Served:
    if not champion:
        return NOTHING_SERVES
    release = champion.release
    return Served(
        version=champion.version,
        candidate=release.candidate,
        metrics=release.metrics,
        intervals=release.intervals,
    )
