"""Registering what won, or keeping what serves."""

from importlib.metadata import version
from typing import Any

from tierra.data.code import load_code
from tierra.facts import CardsMade, ChampionFound, TrainingRecorded
from tierra.journal import note, note_made
from tierra.model.admission import taken_of
from tierra.model.artifact import check_batches, predict
from tierra.model.champions import stored_files
from tierra.model.distributions import distribution
from tierra.model.documents import Document
from tierra.model.gate import Scores, Verdict
from tierra.model.pointers import Appointment, find_taken_back
from tierra.model.release import Champion, Release
from tierra.outcomes.training import NOTHING_SERVES, Ending, Served, Trained
from tierra.project.project import Project
from tierra.steps import shadow
from tierra.steps.cards import card_files, keep_cards, make_cards
from tierra.steps.champion import current_champion, who_and_where
from tierra.steps.evaluate import Evaluations, Judged
from tierra.steps.fit import Fitted, load_fitted
from tierra.steps.learnt import keep_learnt
from tierra.steps.own import own_classes
from tierra.steps.parts import read_part
from tierra.steps.profile import keep_profile, profile_of
from tierra.steps.refit import refit_winner
from tierra.steps.release import is_same_training, training_inputs
from tierra.steps.schemas import schemas_of
from tierra.steps.shown import record_trials, show_champion
from tierra.store.memo import LIBRARIES, digest
from tierra.store.values import read_value
from tierra.workspace import Workspace

ROWS_COMPARED = 500


def register_model(workspace: Workspace, project: Project, judged: Judged, reason: str = "") -> Trained:
    """Make the winner the champion, or keep what serves; `reason` is that of a person who started the run."""
    champion = current_champion(workspace, project)
    if champion and is_same_training(project, judged.datasets, champion, judged.made_as):
        return _keep_same(workspace, project, judged, champion)
    release = make_release(project, judged, reason)
    if judged.verdict.promote and (taken_back := _taken_back(workspace, project, judged)):
        show_champion(workspace, champion)
        return _trained(project, judged, champion, "KeptChampion", taken_back)
    if not judged.verdict.promote:
        run_id = workspace.recorder().record(release)
        record_trials(workspace, project, judged, run_id)
        note(TrainingRecorded(run_id))
        show_champion(workspace, champion)
        kept: Ending = "Refused" if judged.verdict.is_refused else "KeptChampion"
        return _trained(project, judged, champion, kept, judged.verdict.reasons[-1])
    is_for_shadow = shadow.needs_shadow(project, judged.scores, judged.verdict)
    if is_for_shadow and (because := shadow.explain_no_entry(workspace, project, release)):
        show_champion(workspace, champion)
        return _trained(project, judged, champion, *because)
    return _promote(workspace, project, judged, release)


def _keep_same(workspace: Workspace, project: Project, judged: Judged, champion: Champion) -> Trained:
    """The champion comes from this very training: an earlier one, or this one before its station was tried again."""
    show_champion(workspace, champion)
    if judged.verdict.promote and champion.number > judged.champion_number:
        return _trained(project, judged, champion, "Promoted", promoted_because(project, judged.verdict))
    kept = judged.model_copy(update={"verdict": champion.release.verdict})
    return _trained(project, kept, champion, "KeptChampion", f"same inputs as version {champion.version}")


def _taken_back(workspace: Workspace, project: Project, judged: Judged) -> str:
    """Why a training's winner may not serve though it passed: a rollback took back the very same; else nothing."""
    found = find_taken_back(
        workspace.champions.history(project.name), training_inputs(project, judged.datasets, judged.made_as)
    )
    if not found:
        return ""
    version, entry = found
    return f"same inputs as version {version.version}, which was taken back by {entry.who}: {entry.why}"


def promoted_because(project: Project, verdict: Verdict) -> str:
    """What decided, and who approved it where the project asks for that; said first where no model is better."""
    why = "; ".join(verdict.reasons[-2 if project.gate.approval else -1 :])
    return f"the rule serves: {why}" if verdict.winner == "rule" else why


def preview_model(workspace: Workspace, project: Project, judged: Judged) -> Trained:
    """What registering would end with; nothing is registered."""
    champion = current_champion(workspace, project)
    if champion and is_same_training(project, judged.datasets, champion, judged.made_as):
        would = f"would keep version {champion.version}: same inputs"
    elif judged.verdict.promote and (taken_back := _taken_back(workspace, project, judged)):
        would = f"would keep the champion: {taken_back}"
    elif shadow.needs_shadow(project, judged.scores, judged.verdict):
        would = f"would score in shadow: {judged.verdict.reasons[-1]}"
    else:
        promotes = "promote the rule" if judged.verdict.winner == "rule" else "promote"
        would = f"would {promotes if judged.verdict.promote else 'keep the champion'}: {judged.verdict.reasons[-1]}"
    return _trained(project, judged, champion, "DryRun", would)


def make_release(project: Project, judged: Judged, reason: str = "") -> Release:
    """What the verdict's winner was judged with, so that it can be compared, repeated and served."""
    parts, scores, verdict = judged.choice.parts, judged.scores, judged.verdict
    is_rule, datasets = verdict.winner == "rule", judged.datasets
    return Release(
        project=project.name,
        candidate=verdict.winner,
        inputs=training_inputs(project, datasets, judged.made_as),
        model_sha256=_winner(judged).sha256,
        metric=project.gate.metric or "",
        metrics=scores.rule_metrics if is_rule else scores.best_metrics,
        rule_metrics=scores.rule_metrics,
        intervals=scores.rule_intervals if is_rule else scores.best_intervals,
        labels=parts.labels,
        verdict=verdict,
        reason=reason,
        code=dict(load_code(project.folder, project.functions).files),
        project_file=project.file.read_text(),
        contract=digest(project.contract),
        datasets=datasets,
        types=parts.table.joined.columns,
        schemas=schemas_of(project, parts.table.snapshots.tables),
        content=parts.table.content,
        features=parts.features,
        rows=parts.rows,
        libraries={name: version(name) for name in LIBRARIES},
        evaluations=judged.evaluations,
        leaks=judged.choice.leaks,
        own=project.own_names,
    )


def _winner(judged: Judged) -> Fitted:
    return judged.choice.rule if judged.verdict.winner == "rule" else judged.choice.best


def _promote(workspace: Workspace, project: Project, judged: Judged, release: Release) -> Trained:
    """Check the winner and appoint it, or put it in shadow; where another training was faster, its champion stays."""
    served, refit = refit_winner(workspace, project, judged, _winner(judged))
    release = release.model_copy(update={"model_sha256": served.sha256, "refit": refit})
    model = load_fitted(workspace, project, served)
    features = taken_of(read_part(workspace, judged.choice.parts, "test"), model).table
    check_batches(model, features.head(ROWS_COMPARED), release.labels, own_classes(project))
    release = release.model_copy(update=_reference_data(workspace, project, judged, model, features))
    cards = _cards(workspace, project, judged, release)
    release = release.model_copy(update={"cards": keep_cards(workspace, cards)})
    code = {name: (project.folder / name).read_bytes() for name in release.code}
    files = stored_files(workspace.objects.read(served.name), code)
    with own_classes(project).in_place():  # MLflow reads back what it has written
        shown = workspace.recorder().register(release, model, features, {**files, **card_files(cards)})
    record_trials(workspace, project, judged, shown.run_id)
    is_for_shadow = shadow.needs_shadow(project, judged.scores, judged.verdict)
    reason = judged.verdict.reasons[-1] if is_for_shadow else promoted_because(project, judged.verdict)
    by = Appointment(**_by_whom(judged), why=release.reason or reason, **dict(shown))
    if is_for_shadow:
        entered = shadow.enter(workspace, project, release, served, code, by, judged.champion_number)
        return _trained(project, judged, current_champion(workspace, project), *entered)
    champion = workspace.champions.appoint(release, served, code, by, judged.champion_number)
    if champion is None:
        note(TrainingRecorded(shown.run_id))
        faster = current_champion(workspace, project)
        first = f"another training promoted version {faster.version if faster else '?'} first"
        return _trained(project, judged, faster, "KeptChampion", first)
    note(CardsMade(champion.version or str(champion.number), cards))
    show_champion(workspace, champion, is_new=True)
    note_made()
    return _trained(project, judged, champion, "Promoted", reason)


def _by_whom(judged: Judged) -> dict[str, str]:
    return who_and_where() | ({"who": judged.approved_by} if judged.approved_by else {})


def _reference_data(
    workspace: Workspace, project: Project, judged: Judged, model: Any, features: Any
) -> dict[str, Any]:
    """What is compared with it later: the training data's profile, the model's predictions of the test rows, and which
    rows it learnt from, on which it must not be judged.
    """
    parts = judged.choice.parts
    scores, decided = distribution(predict(model, features, parts.labels), parts.labels)
    main = parts.table.snapshots.tables[project.main]
    profile = profile_of(workspace, project.main, main, project.main_source.key)
    return {"scores": scores, "decided": decided, "profile": keep_profile(workspace, profile),
            "learnt": keep_learnt(workspace, parts)}  # fmt: skip


def _cards(workspace: Workspace, project: Project, judged: Judged, release: Release) -> tuple[Document, ...]:
    main = judged.choice.parts.table.snapshots.tables[project.main]
    profile = profile_of(workspace, project.main, main, project.main_source.key)
    measured = read_value(workspace.objects, judged.evaluations, Evaluations).models
    return make_cards(project, release, measured, profile)


def _trained(
    project: Project, judged: Judged, champion: Champion | None,
    outcome: Ending, reason: str,
) -> Trained:  # fmt: skip
    release, parts, scores = champion.release if champion else None, judged.choice.parts, judged.scores
    if champion:
        note(ChampionFound(champion))
    return Trained(
        project=project.name,
        outcome=outcome,
        reason=reason,
        task=(release.labels if release else parts.labels).task,
        metric=project.gate.metric_name,
        verdict=judged.verdict,
        champion=served(champion, scores),
        rule=Served(candidate="rule", metrics=scores.rule_metrics, intervals=scores.rule_intervals),
        best=Served(candidate=scores.best, metrics=scores.best_metrics, intervals=scores.best_intervals),
        rows=parts.rows,
        judged=scores.rows,
        model_sha256=release.model_sha256 if release else "",
        datasets=judged.datasets,
        searches=tuple(each.line for each in judged.choice.searches),
        stopped=judged.choice.stopped,
        balance=judged.choice.balance.ways,
    )


def served(champion: Champion | None, scores: Scores) -> Served:
    """What serves, as it was measured on this run's test rows; where it was not, as when it was promoted."""
    if not champion:
        return NOTHING_SERVES
    release, metrics, intervals = champion.release, scores.champion_metrics, scores.champion_intervals
    if metrics is None or scores.champion_version != champion.version:
        metrics, intervals = release.metrics, release.intervals
    return Served(version=champion.version, candidate=release.candidate, metrics=metrics, intervals=intervals)
