"""The model card: what a model is for, how good it is and where, why it serves, and what it must not be used for.

After Mitchell et al., Model Cards for Model Reporting (2019), filled from the project's card and what was measured.
"""

from collections.abc import Iterator, Mapping

from tierra.model.card_spec import CARD_TEXTS, Goal
from tierra.model.documents import Document, Part
from tierra.model.evaluation import Evaluation, Threshold
from tierra.model.gate_checks import format_metric
from tierra.model.release import Release
from tierra.model.spec import LOWER_IS_BETTER, heading
from tierra.project.project import Project

# What the other parts of the card say.
ELSEWHERE = ("data", "ethics", "limits")
FEATURES = 10
USES = "uses of the test part"
NOTHING = "—"


def make_model_card(project: Project, release: Release, measured: Mapping[str, Evaluation]) -> Document:
    """The card of a release, as its project states it and as it was measured on its test rows."""
    own = measured.get(release.candidate) or Evaluation(rows=release.rows.get("test", 0), metrics=release.metrics)
    parts = (
        _purpose(project),
        _goals(project, release),
        _limits(project, own),
        _metrics(release, own),
        _slices(release, own),
        _gate(release),
        _decisions(project, own),
        _features(release, own),
        _leaks(release),
        Part(title="Ethical notes", lines=(project.card.ethics,)),
        _origin(project, release),
    )
    goal = project.card.goal
    sentence = goal if goal != "not stated" else f"Predicts {project.target_column}; what for is not stated."
    figures = tuple(_figures(project, release))
    return Document(kind="model", project=project.name, sentence=sentence, figures=figures, parts=parts)


def _figures(project: Project, release: Release) -> Iterator[tuple[str, str]]:
    """The gate's metric beside the rule's, and how many goals are reached."""
    if (value := release.metrics.get(release.metric)) is not None:
        yield format_metric(value), heading(release.metric)
    if (value := release.rule_metrics.get(release.metric)) is not None:
        yield format_metric(value), "the rule's"
    measured = [each for each in project.card.goals if each.metric in release.metrics]
    if measured:
        reached = sum(each.is_reached(release.metrics[each.metric or ""]) for each in measured)
        yield f"{reached} of {len(measured)}", "measured goals reached"


def _purpose(project: Project) -> Part:
    named = [name for name in CARD_TEXTS if name not in ELSEWHERE]
    return Part(title="What it is for", pairs={name.capitalize(): getattr(project.card, name) for name in named})


def _goals(project: Project, release: Release) -> Part:
    rows = tuple(_goal(each, release) for each in project.card.goals)
    lines = () if rows else ("not stated",)
    heads = ("Goal", "Metric", "Wanted", "Measured", "95 % interval", "Reached")
    return Part(title="Goals", lines=lines, heads=heads if rows else (), rows=rows, numbers=2)


def _goal(goal: Goal, release: Release) -> tuple[str, ...]:
    value = release.metrics.get(goal.metric or "")
    if goal.metric is None or value is None:
        return (goal.goal, heading(goal.metric) if goal.metric else NOTHING, goal.wanted or NOTHING, NOTHING, NOTHING,
                "not measured")  # fmt: skip
    known = release.intervals.get(goal.metric)
    return (
        goal.goal,
        heading(goal.metric),
        goal.wanted,
        format_metric(value),
        _between(known),
        _reached(goal, value, known),
    )


def _reached(goal: Goal, value: float, known: tuple[float, float] | None) -> str:
    """Yes or no, and whether other rows of the same kind could say otherwise."""
    reached = goal.is_reached(value)
    sure = known is None or all(goal.is_reached(end) == reached for end in known)
    return ("yes" if reached else "no") + ("" if sure else ", but not surely")


def _limits(project: Project, own: Evaluation) -> Part:
    lines = [f"Must not be used for, or beyond: {project.card.limits}"]
    if own.errors and own.errors.slices:
        worst = own.errors.slices[0]
        lines.append(f"Errs most where {worst.column} = {worst.value}: {own.errors.loss} {format_metric(worst.loss)}"
                     f" on {worst.rows:,} rows, {format_metric(worst.elsewhere)} elsewhere")  # fmt: skip
    return Part(title="Limits", lines=tuple(lines))


def _metrics(release: Release, own: Evaluation) -> Part:
    learnt = own.learnt.metrics if own.learnt else {}
    rows = tuple(
        (f"{heading(name)}{' ↓' if name in LOWER_IS_BETTER else ''}", format_metric(value),
         _between(release.intervals.get(name)), _number(release.rule_metrics.get(name)), _number(learnt.get(name)))
        for name, value in release.metrics.items()
    )  # fmt: skip
    drawn = f", by drawing {own.drawn} again and again" if own.drawn else ""
    note = f"On {own.rows:,} test rows, which nothing was learnt from{drawn}; ↓ lower is better."
    heads = ("Metric", release.candidate, "95 % interval", "the rule", "on rows it learnt from")
    return Part(title="How good it is", note=note, heads=heads, rows=rows)


def _slices(release: Release, own: Evaluation) -> Part:
    declared = tuple(
        (f"{each.column} = {each.value}", f"{each.rows:,}", _number(each.score), _between(each.interval),
         _number(each.rule))
        for each in own.slices
    )  # fmt: skip
    if declared:
        heads = ("Slice", "Rows", heading(release.metric), "95 % interval", "the rule")
        return Part(title="Slice by slice", heads=heads, rows=declared)
    found = own.errors.slices if own.errors else ()
    rows = tuple(
        (f"{each.column} = {each.value}", f"{each.rows:,}", format_metric(each.loss), format_metric(each.elsewhere),
         _between(each.interval))
        for each in found
    )  # fmt: skip
    heads = ("Slice", "Rows", own.errors.loss if own.errors else "", "elsewhere", "worse by, 95 % of all at once")
    looked = own.errors.looked if own.errors else 0
    note = (
        f"No slices are declared; {looked:,} were looked at, and those that are surely worse than the rest are shown."
    )
    lines = () if rows or not looked else (f"none of {looked:,} slices is surely worse than the rest",)
    return Part(title="Slice by slice", note=note, heads=heads if rows else (), rows=rows, lines=lines)


def _gate(release: Release) -> Part:
    """Every check as the receipt has it; of a release from before there was a table, the reasons."""
    checks = release.verdict.checks
    if not checks:
        return Part(title="Why it serves: the gate", lines=release.verdict.reasons)
    rows = tuple(
        (f"{check}, {of}" if of else check, outcome, value or NOTHING, spread or NOTHING, limit or NOTHING, reason)
        for check, of, value, spread, limit, outcome, reason in (each.cells for each in checks)
    )
    used = next((f"{each.value:,.0f}" for each in checks if each.check == USES and each.value is not None), None)
    note = f"These test rows have judged {used} challengers, this one included." if used else (
        "These test rows judged the first model, beside the rule alone."
    )  # fmt: skip
    heads = ("Check", "Outcome", "Value", "Interval", "Limit", "Reason")
    return Part(title="Why it serves: the gate", note=note, heads=heads, rows=rows, numbers=9)


def _leaks(release: Release) -> Part:
    """Leaks that were found and let pass, with the reason of whoever did."""
    rows = tuple((each.id, each.evidence, each.reason or "a warning, not acknowledged") for each in release.leaks)
    lines = () if rows else ("none was found",)
    heads = ("Leak", "Evidence", "Why it may stay")
    return Part(title="Leaks", lines=lines, heads=heads if rows else (), rows=rows, numbers=9)


def _decisions(project: Project, own: Evaluation) -> Part:
    cost, pairs, promised = project.card.cost, dict[str, str](), dict(_promised(own))
    if cost or own.thresholds:
        pairs["Costs"] = f"a false alarm {cost.false_alarm:g}, a miss {cost.missed:g}" if cost else "not stated"
    if served := next((each for each in own.thresholds if each.served), None):
        pairs |= _served(served, own.rows)
    if own.costs:
        ruled = f"; as the rule decides {own.costs.rule:,.2f}" if own.costs.rule is not None else ""
        pairs["Cost of 100 rows"] = f"{own.costs.served[1]:,.2f}{ruled}"
    return Part(title="Decisions and costs", pairs=pairs | promised)


def _promised(own: Evaluation) -> Iterator[tuple[str, str]]:
    """What is left to a person, and what intervals hold, as measured on the test rows."""
    measured = own.decisions
    if measured and measured.reviewed is not None:
        wrong = "" if measured.risk is None else f"; of the others {measured.risk:.1%} are decided wrongly"
        yield "Left to a person", f"{measured.reviewed:.1%} of the test rows{wrong}"
    if measured and measured.covered is not None and measured.covered_interval:
        low, high = measured.covered_interval
        yield "Intervals", (f"hold {measured.covered:.1%} of the test rows ({low:.1%} to {high:.1%}),"
                            f" {measured.stated:.4g} stated")  # fmt: skip


def _served(served: Threshold, rows: int) -> dict[str, str]:
    precision = NOTHING if served.precision is None else f"{served.precision:.1%}"
    return {
        "Threshold": f"yes from a probability of {served.threshold:.3f} on",
        "Alarms": f"{served.alarms:,} of {rows:,} test rows, right in {precision}",
        "Cases found": f"{served.recall:.1%}",
    }


def _features(release: Release, own: Evaluation) -> Part:
    rows = tuple(
        (each.feature, format_metric(each.mean), _between(each.interval)) for each in own.importance[:FEATURES]
    )
    note = f"By how much {heading(release.metric)} gets worse when a feature is shuffled; the ten that matter most."
    return Part(title="What it looks at", note=note, heads=("Feature", "Worse by", "95 % interval"), rows=rows)


def _origin(project: Project, release: Release) -> Part:
    split = project.split.by or ""
    pairs = {
        "Candidate": release.candidate,
        "Task": f"{release.labels.task}, target {project.target_column}",
        "Rows": ", ".join(f"{rows:,} {name}" for name, rows in release.rows.items()),
        "Serves as": release.refit.line if release.refit else "fitted on training and validation, judged on test",
        "Split": f"by {split}" + (f" along {project.split.column}" if project.split.column else ""),
        "Model sha256": release.model_sha256,
        "Libraries": ", ".join(f"{name} {version}" for name, version in release.libraries.items()),
    }
    return Part(title="Where it comes from", pairs=pairs)


def _between(known: tuple[float, float] | None) -> str:
    return f"{format_metric(known[0])} to {format_metric(known[1])}" if known else NOTHING


def _number(value: float | None) -> str:
    return NOTHING if value is None else format_metric(value)
