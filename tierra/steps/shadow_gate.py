"""The gate at the end of a shadow: the same that judged the challenger, on what both models predicted in production."""

from typing import Any

from tierra.facts import ChampionFound, ModelsEvaluated
from tierra.journal import note, note_made
from tierra.model import gate
from tierra.model.challengers import Challenger, ShadowEnd
from tierra.model.comparison import CHAMPION, RULE, compare_models
from tierra.model.examples import Examples
from tierra.model.gate import Scores, Verdict
from tierra.model.pointers import Appointment
from tierra.model.recorded import Recorded
from tierra.model.release import Champion
from tierra.model.rules import MeanRule, RateRule
from tierra.model.spec import Costs
from tierra.model.training import scorers_of, tune_threshold
from tierra.project.project import Project
from tierra.steps.champion import champion_model, who_and_where
from tierra.steps.register import promoted_because, show_champion
from tierra.steps.shadowed import Compared, Watched
from tierra.workspace import Workspace

OUTCOMES = {"promoted": "Promoted", "kept": "KeptChampion", "withdrawn": "Withdrawn"}


def measure_shadow(workspace: Workspace, project: Project, watched: Watched, compared: Compared) -> Scores:
    """The metrics of both models on the rows they scored in production, beside the base rate of these rows."""
    rows, name = compared.rows, watched.model.candidate
    sides = {name: (watched.model, compared.challenger), CHAMPION: (watched.champion, compared.champion)}
    models: dict[str, tuple[Any, Examples]] = {
        side: (Recorded(found, rows.labels, _threshold(workspace, model)), rows)
        for side, (model, found) in sides.items()
    }
    models[RULE] = _base_rate(rows, project.card.cost), rows
    scorers = scorers_of(rows.labels, project.gate, project.metrics)
    # Predictions that were made before take no time, and have no file.
    guardrails = project.gate.guardrails.model_copy(update={"latency_ms": None, "size_mb": None})
    slices = [each for each in project.slices if each in compared.groups]
    found = compare_models(name, models, project.gate.metric_name, scorers, compared.groups[slices] if slices else None,
                           explain=False, guardrails=guardrails, groups=compared.groups)  # fmt: skip
    note(ModelsEvaluated(found.evaluations))
    return found.scores.model_copy(update={"champion_version": watched.champion.version})


def judge_shadow(project: Project, scores: Scores) -> Verdict:
    """Whether the challenger passed the gate once more. The rule, which it beat in training, never serves by this."""
    verdict = gate.judge(scores, project.gate)
    return verdict.model_copy(update={"promote": verdict.promote and verdict.winner == scores.best})


def settle(workspace: Workspace, project: Project, watched: Watched, verdict: Verdict, who: str) -> tuple[str, str]:
    """Make the challenger the champion, or end its shadow; how that ended, and why."""
    challenger, by = watched.challenger, who_and_where() | ({"who": who} if who else {})
    because = promoted_because(project, verdict) if verdict.promote else verdict.reasons[-1]
    why = f"{because}, after {challenger.partitions} partitions in shadow"
    if not verdict.promote:
        return _end(workspace, challenger, ShadowEnd(outcome="kept", why=why, who=by["who"], verdict=verdict))
    # A person may have taken it out while it was judged, or while the run waited for approval.
    if ended := workspace.challengers.end_of(challenger):
        return OUTCOMES[ended.outcome], ended.why
    shown = challenger.model_dump(include={"version", "run_id", "experiment_id"})
    appointed = workspace.champions.appoint_again(challenger, Appointment(**by, why=why, **shown), challenger.against)
    if appointed is None:
        return withdraw(workspace, challenger, "another model was made the champion first")
    workspace.challengers.end(challenger, ShadowEnd(outcome="promoted", why=why, who=by["who"], verdict=verdict))
    show_champion(workspace, appointed, is_new=True)
    note(ChampionFound(appointed))
    note_made()
    return "Promoted", why


def withdraw(workspace: Workspace, challenger: Challenger, why: str) -> tuple[str, str]:
    """End a shadow without a verdict."""
    return _end(workspace, challenger, ShadowEnd(outcome="withdrawn", why=why, who=who_and_where()["who"]))


def _end(workspace: Workspace, challenger: Challenger, end: ShadowEnd) -> tuple[str, str]:
    """How the shadow ended, and why: as is recorded here, or as another run was faster to record."""
    ended = workspace.challengers.end(challenger, end)
    return OUTCOMES[ended.outcome], ended.why


def _threshold(workspace: Workspace, model: Champion) -> float:
    """The probability from which a model decides yes; of no meaning for other tasks."""
    return float(getattr(champion_model(workspace, model), "threshold", 0.5))


def _base_rate(rows: Examples, costs: Costs | None) -> Any:
    """The mean of these rows' own target, which no rule of before can beat by much."""
    if rows.labels.task == "regression":
        return MeanRule([]).fit(rows.table, rows.target, rows.weight)
    return tune_threshold(RateRule([]).fit(rows.table, rows.target.astype(int), rows.weight), rows, costs)
