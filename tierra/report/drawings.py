"""The drawings of an evaluation, a profile and a run's stations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tierra.data.profile import ColumnProfile, Profile
from tierra.journal import Entry
from tierra.model.evaluation import Evaluation, Histogram, Importance, SliceScores
from tierra.report.charts import MAX_HEAT_COLUMNS, Measure, bars, dots, heat, matrix, timeline
from tierra.report.distributions import FREQUENT_VALUES, distributions
from tierra.report.effects import costs_by_threshold, effect, reach_of
from tierra.report.plots import band, curves, histogram, sparkline
from tierra.report.svg import SMALL

MAX_ROWS = 15
MAX_SLICES = 24
MAX_ENTRIES = 400


@dataclass(frozen=True)
class Drawing:
    """A drawing with its title and a line on how to read it."""

    title: str
    svg: Markup
    note: str = ""


def draw_evaluation(evaluations: Mapping[str, Evaluation], best: str) -> list[Drawing]:
    """Curves, confusion and residuals of the best model, the rule and the champion beside it."""
    shown = {name: evaluations[name] for name in (best, "rule", "champion") if name in evaluations}
    if best not in shown:
        return []
    own, drawn = shown[best], []
    labels = {name: name.replace("_", " ") for name in shown}
    if lines := [(labels[name], each.roc) for name, each in shown.items() if each.roc]:
        axes = ("false positive rate", "true positive rate")
        drawn.append(Drawing("ROC", curves("ROC curve", lines, axes, diagonal=True), "Diagonal: a random guess."))
    if lines := [(labels[name], each.precision_recall) for name, each in shown.items() if each.precision_recall]:
        chart = curves("Precision and recall", lines, ("recall", "precision"))
        note = "A rule that says the same of every row lies flat, at the share of cases."
        drawn.append(Drawing("Precision and recall", chart, note))
    if lines := [(labels[name], each.calibration) for name, each in shown.items() if each.calibration]:
        axes = ("predicted probability", "observed share")
        note = "On the diagonal, the predicted share is the observed one."
        drawn.append(Drawing("Calibration", curves("Calibration", lines, axes, diagonal=True, marked=True), note))
    if own.confusion:
        note = "For each actual class, how many rows were decided as each class."
        drawn.append(Drawing("Confusion", matrix("Confusion matrix", own.classes, own.confusion), note))
    return drawn + _residuals(own) + _scores(own)


def _residuals(own: Evaluation) -> list[Drawing]:
    drawn = []
    if own.residuals and own.residuals.counts:
        drawn.append(Drawing("Residuals", histogram("Residuals", own.residuals, label="actual minus predicted")))
    if own.residuals_by_prediction and own.residuals_by_prediction.x:
        chart = band("Residuals by prediction", own.residuals_by_prediction, ("prediction", "residual"))
        drawn.append(Drawing("Residuals by prediction", chart, "Line: the median; band: the middle half."))
    return drawn


def _scores(own: Evaluation) -> list[Drawing]:
    if not (own.scores and own.scores.counts):
        return []
    return [Drawing("Predictions on the test rows", histogram("Predictions on the test rows", own.scores))]


def draw_importance(own: Evaluation, metric: str) -> list[Drawing]:
    """The most important features."""
    ranked = sorted(own.importance, key=lambda each: -each.mean)[:MAX_ROWS]
    if not ranked:
        return []
    whisker = "95 % interval" if ranked[0].interval else "one standard deviation"
    note = f"By how much {metric} gets worse when the feature is shuffled; whisker: {whisker}."
    if len(own.importance) > MAX_ROWS:
        note += f" {MAX_ROWS} of {len(own.importance):,} features."
    lines = [Measure(each.feature, each.mean, *_reach(each)) for each in ranked]
    return [Drawing("Importance", bars("Importance of features", lines), note)]


def _reach(each: Importance) -> tuple[float, float]:
    return each.interval or (each.mean - each.spread, each.mean + each.spread)


def draw_effects(own: Evaluation) -> list[Drawing]:
    """The mean prediction along each of the most important features."""
    reach = reach_of(own.dependence)
    shown = "probability" if own.classes else "prediction"
    note = f"Mean {shown} when every row has this value; grey: the rows that have it."
    return [Drawing(f"Effect of {each.feature}", effect(each, reach), note) for each in own.dependence]


def draw_thresholds(evaluations: Mapping[str, Evaluation], best: str) -> list[Drawing]:
    """What is found by how many rows are alarmed, and what decisions cost by threshold."""
    names = [name for name in (best, "rule", "champion") if name in evaluations]
    lines = [(name.replace("_", " "), curve) for name in names if (curve := evaluations[name].gains)]
    if not lines:
        return []
    note = "The highest scores first; diagonal: a random order."
    chart = curves("Cases found", lines, ("share of rows alarmed", "share of cases found"), diagonal=True)
    drawn, costs = [Drawing("Cases found", chart, note)], evaluations[best].costs
    if costs:
        chart = costs_by_threshold(costs, (best.replace("_", " "), "the rule"))
        drawn.append(Drawing("Cost of 100 rows", chart, "By the card's costs; line: the threshold that serves."))
    return drawn


def draw_slices(own: Evaluation, metric: str) -> list[Drawing]:
    """The gate's metric for each value of a column: one drawing a column."""
    columns: dict[str, list[SliceScores]] = {}
    for each in own.slices:
        if each.score is not None:
            columns.setdefault(each.column, []).append(each)
    return [_slices(column, found, metric) for column, found in list(columns.items())[:MAX_SLICES]]


def _slices(column: str, found: Sequence[SliceScores], metric: str) -> Drawing:
    lines = [
        Measure(each.value, each.score, *_interval(each), each.rule, f"({each.rows:,} rows)")
        for each in found[:MAX_ROWS]
        if each.score is not None
    ]
    ruled = any(each.other is not None for each in lines)
    rows = f"{min(each.rows for each in found):,} to {max(each.rows for each in found):,} rows each"
    more = f", {MAX_ROWS} of {len(found):,} values" if len(found) > MAX_ROWS else ""
    chart = dots(f"{metric} by {column}", lines, ("the model", "the rule") if ruled else None)
    return Drawing(f"{metric} by {column}", chart, f"Whisker: 95 % interval; {rows}{more}.")


def _interval(each: SliceScores) -> tuple[float | None, float | None]:
    return each.interval or (None, None)


def draw_scores(current: Histogram | None, reference: Histogram | None) -> list[Drawing]:
    """The run's predictions beside the champion's on its test rows."""
    if not current or not current.counts:
        return []
    reference = reference if reference and reference.counts else None
    note = "Outline: the champion's predictions when it was trained." if reference else ""
    return [Drawing("Predictions", histogram("Predictions of this run", current, reference), note)]


def draw_decided(current: Mapping[str, int], reference: Mapping[str, int]) -> list[Drawing]:
    """The shares of the decided classes, beside the champion's when it was trained."""
    if not current:
        return []
    total, before = sum(current.values()) or 1, sum(reference.values()) or 1
    names = sorted({*current, *reference}, key=lambda name: -current.get(name, 0))[:MAX_ROWS]
    lines = [
        Measure(name, current.get(name, 0) / total, other=reference.get(name, 0) / before if reference else None)
        for name in names
    ]
    chart = bars("Decided classes", lines, ("this run", "training") if reference else None, share=True)
    return [Drawing("Decided classes", chart, "Shares of the scored rows.")]


def draw_column(current: ColumnProfile, reference: ColumnProfile | None = None) -> Markup | None:
    """A column's distribution: a histogram of numbers and dates, bars of the most frequent values of a text."""
    reference = reference if reference and reference.kind == current.kind else None
    if current.kind in ("number", "date"):
        found = distributions(current, reference)
        ends = (str(current.minimum)[:10], str(current.maximum)[:10]) if current.kind == "date" else None
        return sparkline(f"Distribution of {current.name}", *found, ends) if found else None
    if not current.frequent:
        return None
    before = {each.value: each.rows / max(reference.present, 1) for each in reference.frequent} if reference else None
    lines = [
        Measure(
            each.value or "(empty)",
            each.rows / max(current.present, 1),
            other=before.get(each.value, 0.0) if before else None,
        )
        for each in current.frequent[:FREQUENT_VALUES]
    ]
    return bars(f"Most frequent values of {current.name}", lines, share=True, width=SMALL)


def draw_correlations(profile: Profile) -> list[Drawing]:
    """The correlations of the most strongly correlated columns."""
    names, values = profile.correlations.columns, profile.correlations.values
    if len(names) < 2:
        return []
    strength = [max((abs(v) for at, v in enumerate(row) if v is not None and at != own), default=0.0)
                for own, row in enumerate(values)]  # fmt: skip
    kept = sorted(sorted(range(len(names)), key=lambda index: -strength[index])[:MAX_HEAT_COLUMNS])
    chart = heat("Correlations", [names[each] for each in kept], [[values[a][b] for b in kept] for a in kept])
    return [
        Drawing("Correlations", chart, "Pearson's r between numbers; with text, the correlation ratio or Cramér's V.")
    ]


def strongest_pairs(profile: Profile, number: int = 10) -> list[tuple[str, str, float]]:
    """The most strongly correlated pairs of columns."""
    names, values = profile.correlations.columns, profile.correlations.values
    pairs = [(names[b], names[a], value) for a, row in enumerate(values) for b, value in enumerate(row[:a])
             if value is not None]  # fmt: skip
    return sorted(pairs, key=lambda pair: -abs(pair[2]))[:number]


def draw_stations(entries: Sequence[Entry]) -> Markup | None:
    """When each station ran; one after the other where the journal has no start times."""
    stays, clock = [], 0.0
    for entry in entries[:MAX_ENTRIES]:
        started = getattr(entry, "started", None)
        begin = clock if started is None else float(started)
        stays.append((entry.station, begin, entry.seconds, entry.reused))
        clock = begin + entry.seconds
    return timeline("Stations", stays) if stays else None
