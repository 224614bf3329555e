"""The gate at the end of a shadow: the same that judged the challenger, on what both models predicted in production."""

from dataclasses import dataclass
from typing import Any

from tierra.facts import CardsMade, ChampionFound, ModelsEvaluated
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
from tierra.outcomes.shadow import PartitionShadowed
from tierra.project.project import Project
from tierra.steps.cards import CARDS, read_card
from tierra.steps.champion import champion_model, who_and_where
from tierra.steps.register import promoted_because
from tierra.steps.shadowed import Labelled, Watched, collect_labels
from tierra.steps.shown import show_champion
from tierra.workspace import Workspace

OUTCOMES = {"promoted": "Promoted", "kept": "KeptChampion", "withdrawn": "Withdrawn"}


@dataclass(frozen=True)
class Measured:
    """The partitions with how many of their labels are known, and the scores of both models once enough are."""

    partitions: tuple[PartitionShadowed, ...]
    scores: Scores | None = None


def measure_shadow(workspace: Workspace, project: Project, watched: Watched) -> Measured:
    """Read the labels of what both models scored; where they are there, measure both. Raises DataRejected."""
    found = collect_labels(workspace, project, watched)
    if found is None or found.is_waiting:
        return Measured(found.partitions if found else watched.partitions)
    return Measured(found.partitions, compare_in_production(workspace, project, watched, found))


def compare_in_production(workspace: Workspace, project: Project, watched: Watched, labelled: Labelled) -> Scores:
    """The metrics of both models on the rows they scored in production, beside the base rate of these rows."""
    rows, name = labelled.rows, watched.model.candidate
    sides = {name: (watched.model, labelled.challenger), CHAMPION: (watched.champion, labelled.champion)}
    models: dict[str, tuple[Any, Examples]] = {
        side: (Recorded(found, rows.labels, _threshold(workspace, model)), rows)
        for side, (model, found) in sides.items()
    }
    models[RULE] = _base_rate(rows, project.card.cost), rows
    scorers = scorers_of(rows.labels, project.gate, project.metrics)
    # Predictions that were made before take no time, and have no file.
    guardrails = project.gate.guardrails.model_copy(update={"latency_ms": None, "size_mb": None})
    slices = [each for each in project.slices if each in labelled.groups]
    found = compare_models(name, models, project.gate.metric_name, scorers, labelled.groups[slices] if slices else None,
                           explain=False, guardrails=guardrails, groups=labelled.groups)  # fmt: skip
    note(ModelsEvaluated(found.evaluations))
    return found.scores.model_copy(update={"champion_version": watched.champion.version})


def with_own_gate(project: Project, verdict: Verdict) -> Project:
    """The project with the gate that let a challenger in: a smaller variant of the champion need only not be worse."""
    compared = next((each for each in verdict.checks if each.kind == "comparison" and (each.limit or 0) < 0), None)
    if compared is None or compared.limit is None or project.gate.margin:
        return project
    noninferior = {"challenger": "noninferior", "margin": -compared.limit, "beat_champion_by": 0.0}
    return project.model_copy(update={"gate": project.gate.model_copy(update=noninferior)})


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
    cards = tuple(read_card(workspace, watched.model, kind) for kind in CARDS)
    shown = challenger.model_dump(include={"version", "run_id", "experiment_id"})
    appointed = workspace.champions.appoint_again(challenger, Appointment(**by, why=why, **shown), challenger.against)
    if appointed is None:
        return withdraw(workspace, challenger, "another model was made the champion first")
    workspace.challengers.end(challenger, ShadowEnd(outcome="promoted", why=why, who=by["who"], verdict=verdict))
    show_champion(workspace, appointed, is_new=True)
    note(ChampionFound(appointed))
    note(CardsMade(appointed.version or str(appointed.number), cards))
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
