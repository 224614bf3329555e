"""What a training says: on its receipt, in the Prefect UI and in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from rich.console import RenderableType

from tierra.facts import (
    CandidatesFitted,
    DecisionsChosen,
    FeaturesExamined,
    ModelsEvaluated,
    PartsCompared,
    WinnerRefitted,
)
from tierra.journal import Journal
from tierra.model.evaluation import Evaluation
from tierra.outcomes.training import Trained
from tierra.report import facts
from tierra.report.balance import balance_shown, balance_table
from tierra.report.decisions import describe_decision, draw_coverage_risk
from tierra.report.drawings import draw_effects, draw_evaluation, draw_importance, draw_slices, draw_thresholds
from tierra.report.finished_run import FinishedRun
from tierra.report.gains import describe_gains
from tierra.report.searches import searches_shown
from tierra.report.sections import Section
from tierra.report.terminal import checks_table, metrics_table, printable
from tierra.report.wording import heading, shorten

NAMED = 40


@dataclass(frozen=True)
class Compared:
    """One model beside the others on the test rows."""

    name: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def sections(run: FinishedRun) -> Iterator[Section]:
    """The gate, how good each model is and where, what it looks at, and the parts."""
    trained, journal = cast(Trained, run.outcome), run.journal
    models, metric, best = compared(run), trained.measured_by, trained.best.candidate
    gate = {"metric": metric, "models": models, "verdict": trained.verdict, "reason": trained.reason}
    yield Section("gate", "Gate", "gate", gate)
    yield Section("leaks", "Leaks", "leaks", facts.leaks(journal))
    yield from _measured(run, models)
    tried = next(iter(journal.facts(CandidatesFitted)), CandidatesFitted({}))
    title = f"All candidates, on {tried.rows:,} rows held out"
    refits = [each.refit.line for each in journal.facts(WinnerRefitted)]
    shown = _candidates(tried, best)
    yield Section("candidates", title, "candidates", shown and {**shown, "refits": refits}, "Candidates")
    yield Section("gains", "What each step gained", "lines", describe_gains(journal, best, metric), "Gains")
    yield Section("searches", "Searches for parameters", "searches", searches_shown(journal), "Searches")
    yield Section("balance", "What balancing gains", "balance", balance_shown(journal), "Balance")
    moved = [line for each in journal.facts(PartsCompared) for line in facts.in_lines("part", each.differences)]
    yield Section("parts", "Differences between the parts", "differences", moved, "Parts")


def summary(run: FinishedRun) -> Mapping[str, Any]:
    """The models' metrics on the test rows, and the gate's table."""
    models = compared(run)
    trained = cast(Trained, run.outcome)
    rows, checks = trained.judged_on, trained.verdict.checks
    return {"models": models, "metrics": _metrics(models), "test_rows": rows, "checks": checks}


def counts(run: FinishedRun) -> Mapping[str, Any]:
    """Rows of the three parts, and those set aside."""
    rows = sum(cast(Trained, run.outcome).rows.values())
    return {"rows": rows, "quarantined": facts.quarantined(run.journal)}


def digests(outcome: Trained) -> Mapping[str, str]:
    """The champion's model."""
    return {"model sha256": outcome.model_sha256}


def in_terminal(outcome: Trained) -> Sequence[RenderableType]:
    """Champion, metrics beside the rule's, verdict."""
    champion, best = outcome.champion, outcome.best
    rows = {f"champion ({champion.candidate})": champion} if champion.version else {}
    rows["the rule"] = outcome.rule
    if best.candidate != champion.candidate or best.metrics != champion.metrics:
        rows[f"best now ({best.candidate})"] = best
    metrics, intervals = (
        {name: getattr(each, kind) for name, each in rows.items()} for kind in ("metrics", "intervals")
    )
    title = f"on {outcome.judged_on:,} test rows, with 95 % intervals"
    passed = "passed" if outcome.verdict.passed else "not passed"
    return [
        f"\n[bold]{outcome.project}: {outcome.outcome}[/], {printable(outcome.reason)}",
        f"champion  {champion.label}",
        metrics_table(metrics, title, intervals),
        *(f"search    {printable(each)}" for each in outcome.searches),
        *([f"stopped   {printable(outcome.stopped)}"] if outcome.stopped else []),
        *([balance_table(outcome.balance)] if outcome.balance else []),
        f"verdict   {passed}: {printable('; '.join(outcome.verdict.reasons))}",
        *([checks_table(outcome.verdict.checks)] if outcome.verdict.checks else []),
        f"receipt   {outcome.receipt}",
    ]


def compared(run: FinishedRun) -> list[Compared]:
    """The best model, the rule and the champion, as far as each was measured."""
    measured = _evaluations(run.journal)
    names = dict.fromkeys((cast(Trained, run.outcome).best.candidate, "rule", "champion", *measured))
    return [Compared(name, measured[name].metrics, measured[name].intervals) for name in names if name in measured]


def _measured(run: FinishedRun, models: list[Compared]) -> Iterator[Section]:
    trained, measured = cast(Trained, run.outcome), _evaluations(run.journal)
    best, metric = trained.best.candidate, heading(trained.measured_by)
    own = measured.get(best) or Evaluation(rows=0, metrics={})
    title = f"On the same {trained.judged_on or own.rows:,} test rows"
    shown = {"models": models, "names": _metrics(models), "learnt": own.learnt, "drawn": own.drawn}
    yield Section("test", title, "metrics", shown if models else None, "Test rows")
    chosen = [each.chosen[best] for each in run.journal.facts(DecisionsChosen) if best in each.chosen]
    lines = [line for each in chosen for line in describe_decision(each, own.decisions)]
    yield Section("decisions", "How scores become decisions", "lines", lines, "Decisions")
    tried = {"rows": own.thresholds, "drawings": draw_thresholds({**measured, best: own}, best), "of": own.rows}
    yield Section("thresholds", "What a threshold finds and costs", "thresholds", tried if own.thresholds else None,
                  "Thresholds")  # fmt: skip
    drawn = draw_evaluation({**measured, best: own}, best) + draw_coverage_risk(own.decisions)
    yield Section("curves", "How it errs", "drawings", drawn)
    yield Section("classes", "Class by class", "classes", own.per_class)
    looks = {
        "drawings": draw_importance(own, metric),
        "effects": draw_effects(own),
        "lines": _treatments(run.journal),
    }
    yield Section("features", "What it looks at", "features", looks if any(looks.values()) else None, "Features")
    yield Section("slices", "Where it is better and worse", "drawings", draw_slices(own, metric), "Slices")
    yield Section("errors", "Where it errs most", "errors", own.errors, "Errors")


def _evaluations(journal: Journal) -> dict[str, Evaluation]:
    return {name: each for fact in journal.facts(ModelsEvaluated) for name, each in fact.evaluations.items()}


def _examined(journal: Journal) -> list[FeaturesExamined]:
    return journal.facts(FeaturesExamined)


def _metrics(models: Sequence[Compared]) -> list[str]:
    return list(dict.fromkeys(name for each in models for name in each.metrics))


def _candidates(tried: CandidatesFitted, best: str) -> dict[str, Any] | None:
    names = list(dict.fromkeys(name for each in tried.validation.values() for name in each))
    weights = [f"{name.replace('_', ' ')}: " + ", ".join(f"{share:.0%} {member.replace('_', ' ')}"
                                                         for member, share in each.items() if share)
               for name, each in tried.weights.items()]  # fmt: skip
    shown = {"models": tried.validation, "intervals": tried.intervals, "names": names, "best": best, "rows": tried.rows,
             "folds": tried.folds, "weights": weights, "costs": tried.costs, "stopped": tried.stopped}  # fmt: skip
    return shown if tried.validation else None


def _treatments(journal: Journal) -> list[dict[str, str]]:
    """What is done with features, and with which: those that are prepared alike stand together."""
    alike: dict[str, list[str]] = {}
    for found in _examined(journal):
        for feature, treatment in found.treatments.items():
            alike.setdefault(treatment, []).append(feature)
    return [
        {
            "treatment": treatment,
            "features": ", ".join(shorten(each, 60) for each in features[:NAMED]) + _rest(features),
        }
        for treatment, features in sorted(alike.items(), key=lambda each: -len(each[1]))
    ]


def _rest(features: list[str]) -> str:
    return f" and {len(features) - NAMED:,} more" if len(features) > NAMED else ""
