"""The gate at the end of a shadow: the same that judged the challenger, on what both models predicted in production."""

from typing import Any

from tierra.facts import ChampionFound, ModelsEvaluated
from tierra.journal import note, note_made
from tierra.model import gate
from tierra.model.challengers import ShadowEnd
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
from tierra.steps.register import show_champion
from tierra.steps.shadowed import Compared, Watched
from tierra.workspace import Workspace


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
    why = f"{verdict.reasons[-1]}, after {challenger.partitions} partitions in shadow"
    if not verdict.promote:
        end = ShadowEnd(outcome="kept", why=why, who=by["who"], verdict=verdict)
        return "KeptChampion", workspace.challengers.end(challenger, end).why
    shown = challenger.model_dump(include={"version", "run_id", "experiment_id"})
    appointed = workspace.champions.appoint_again(challenger, Appointment(**by, why=why, **shown), challenger.against)
    if appointed is None:
        return withdraw(workspace, watched, "another model was made the champion first")
    workspace.challengers.end(challenger, ShadowEnd(outcome="promoted", why=why, who=by["who"], verdict=verdict))
    show_champion(workspace, appointed, is_new=True)
    note(ChampionFound(appointed))
    note_made()
    return "Promoted", why


def withdraw(workspace: Workspace, watched: Watched, why: str) -> tuple[str, str]:
    """End a shadow without a verdict."""
    end = ShadowEnd(outcome="withdrawn", why=why, who=who_and_where()["who"])
    return "Withdrawn", workspace.challengers.end(watched.challenger, end).why


def _threshold(workspace: Workspace, model: Champion) -> float:
    """The probability from which a model decides yes; of no meaning for other tasks."""
    return float(getattr(champion_model(workspace, model), "threshold", 0.5))


def _base_rate(rows: Examples, costs: Costs | None) -> Any:
    """The mean of these rows' own target, which no rule of before can beat by much."""
    if rows.labels.task == "regression":
        return MeanRule([]).fit(rows.table, rows.target, rows.weight)
    return tune_threshold(RateRule([]).fit(rows.table, rows.target.astype(int), rows.weight), rows, costs)
