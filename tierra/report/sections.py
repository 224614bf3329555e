"""The parts of a receipt: which there are, in which order, and what each shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tierra.data.profile import ColumnProfile, Profile
from tierra.errors import TierraError
from tierra.journal import Journal
from tierra.model.evaluation import Evaluation
from tierra.outcomes import Scored, Trained
from tierra.project.project import Project
from tierra.report import facts
from tierra.report.drawings import (
    draw_column,
    draw_decided,
    draw_evaluation,
    draw_importance,
    draw_scores,
    draw_slices,
    draw_stations,
)
from tierra.report.wording import heading, shorten

MULTIPLES = 24
NAMED = 40


@dataclass(frozen=True)
class Section:
    """One part of a page: its anchor, title, template, and what the template shows."""

    id: str
    title: str
    template: str
    shows: Any
    short: str = ""


@dataclass(frozen=True)
class Compared:
    """One model beside the others on the test rows."""

    name: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def sections(project: Project | None, journal: Journal, end: Trained | Scored | TierraError) -> list[Section]:
    """Every part that has something to show."""
    found: list[Section] = []
    if isinstance(end, Trained):
        found += _trained(project, journal, end)
    if isinstance(end, Scored):
        found += _scored(journal, end)
    return [each for each in [*found, *_data(journal, project), *_run(journal, end)] if each.shows]


def _trained(project: Project | None, journal: Journal, end: Trained) -> Iterator[Section]:
    measured, best = facts.evaluations(journal), end.best.candidate
    models, metric = compared(journal, end), gate_metric(project, end)
    own = measured.get(best) or measured.get("best") or Evaluation(rows=0, metrics={})
    rows, shown = end.rows.get("test", own.rows), {**measured, best: own}
    gate = {"metric": metric, "models": models, "verdict": end.verdict, "reason": end.reason}
    yield Section("gate", "Gate", "gate", gate)
    yield Section("leaks", "Suspected leaks", "lines", facts.listed(journal, "leaks"))
    metrics = {"models": models, "names": _metrics(models)}
    yield Section("test", f"On the same {rows:,} test rows", "metrics", metrics if models else None, "Test rows")
    yield Section("curves", "How it errs", "drawings", draw_evaluation(shown, best))
    yield Section("classes", "Class by class", "classes", own.per_class)
    looks = {"drawings": draw_importance(own, heading(metric)), "lines": _treatments(journal)}
    yield Section("features", "What it looks at", "features", looks if any(looks.values()) else None, "Features")
    yield Section("slices", "Where it is better and worse", "drawings", draw_slices(own, heading(metric)), "Slices")
    candidates = facts.merged(journal, "validation")
    rows_there = end.rows.get("validation", 0)
    title = f"All candidates, on {rows_there:,} validation rows"
    yield Section("candidates", title, "candidates", _candidates(candidates, best), "Candidates")
    moved = facts.differences(journal, "differences")
    yield Section("parts", "Differences between the parts", "differences", moved, "Parts")


def _scored(journal: Journal, end: Scored) -> Iterator[Section]:
    yield Section("partitions", "Partitions", "partitions", end.partitions)
    now = facts.scores(journal, "scores")
    drawn = draw_scores(now, facts.scores(journal, "training_scores"))
    drawn += draw_decided(facts.decided(journal, "decided"), facts.decided(journal, "training_decided"))
    yield Section("predictions", "What was predicted", "drawings", drawn, "Predictions")
    moved = facts.differences(journal, "profile_differences")
    yield Section("moved", "Differences to the champion's training data", "differences", moved, "Differences")
    yield Section("unseen", "Not seen in training", "counts", facts.unseen(end.partitions), "Unseen")


def _data(journal: Journal, project: Project | None) -> Iterator[Section]:
    profiles = facts.profiles(journal)
    main = profiles.get(project.main if project else "") or next(iter(profiles.values()), None)
    title = f"The data: {main.name}" if main else "The data"
    yield Section(
        "data",
        title,
        "profile",
        _multiples(main, facts.profiles(journal, "training_profiles").get(main.name)) if main else None,
        "Data",
    )
    reasons = facts.listed(journal, "quarantine_reasons")
    yield Section("quarantine", "Quarantined rows", "quarantine", reasons, "Quarantine")
    noticed = facts.listed(journal, "warning")
    places = [f"Quarantined rows, with their reasons: {place}" for place in facts.listed(journal, "quarantine")]
    yield Section("noticed", "Noticed", "lines", [*noticed, *places])


def _run(journal: Journal, end: Trained | Scored | TierraError) -> Iterator[Section]:
    lines = facts.stations(journal)
    shown = {"lines": lines, "drawing": draw_stations(journal.entries)}
    yield Section("stations", "Stations", "stations", shown if lines else None)
    yield Section("digests", "Data and digests", "digests", facts.digests(journal, end), "Digests")


def compared(journal: Journal, end: Trained) -> list[Compared]:
    """The best model, the rule and the champion, as far as each was measured."""
    measured, plain = facts.evaluations(journal), facts.merged(journal, "test")
    found = []
    for name in dict.fromkeys((end.best.candidate, "rule", "champion", *measured, *plain)):
        if each := measured.get(name):
            found.append(Compared(name, each.metrics, each.intervals))
        elif name in plain:
            found.append(Compared(name, plain[name], {}))
    return found


def _metrics(models: Sequence[Compared]) -> list[str]:
    return list(dict.fromkeys(name for each in models for name in each.metrics))


def gate_metric(project: Project | None, end: Trained) -> str:
    """The metric the gate judged by, as far as it was measured; else the first that was."""
    wanted = end.metric
    return wanted if wanted in end.best.metrics else next(iter(end.best.metrics), "")


def _candidates(candidates: dict[str, dict[str, float]], best: str) -> dict[str, Any] | None:
    names = list(dict.fromkeys(name for each in candidates.values() for name in each))
    return {"models": candidates, "names": names, "best": best} if candidates else None


def _treatments(journal: Journal) -> list[dict[str, str]]:
    """What is done with features, and with which: those that are prepared alike stand together."""
    alike: dict[str, list[str]] = {}
    for feature, treatment in facts.merged(journal, "treatments").items():
        alike.setdefault(str(treatment), []).append(feature)
    return [
        {"treatment": said, "features": ", ".join(shorten(each, 60) for each in features[:NAMED]) + _rest(features)}
        for said, features in sorted(alike.items(), key=lambda each: -len(each[1]))
    ]


def _rest(features: list[str]) -> str:
    return f" and {len(features) - NAMED:,} more" if len(features) > NAMED else ""


def _multiples(profile: Profile, then: Profile | None) -> dict[str, Any]:
    columns = [each for each in profile.columns if each.name not in profile.key]
    before = then.by_name if then else {}
    shown = [
        {"name": each.name, "note": _said(each), "svg": draw_column(each, before.get(each.name))}
        for each in columns[:MULTIPLES]
    ]
    return {"profile": profile, "columns": shown, "of": len(columns), "beside": then}


def _said(column: ColumnProfile) -> str:
    parts: list[str] = [column.kind]
    parts += [f"{100 * column.missing_share:.1f} % missing"] if column.missing else []
    parts += [f"{'' if column.distinct_exact else 'about '}{column.distinct:,} different"]
    parts += [f"{100 * column.outliers:.1f} % far out"] if column.outliers else []
    return ", ".join(parts)
