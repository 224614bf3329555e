"""What is drawn of an evaluation, a profile and a run's stations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tierra.data.profile import ColumnProfile, Profile
from tierra.journal import Entry
from tierra.model.evaluation import Evaluation, Histogram, SliceScores
from tierra.report.charts import HEATED, Measure, bars, dots, heat, matrix, timeline
from tierra.report.distributions import VALUES, distributions
from tierra.report.plots import band, curves, histogram, sparkline
from tierra.report.svg import SMALL

MOST = 15
SLICES = 24
STAYS = 400


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
    called = {name: name.replace("_", " ") for name in shown}
    if lines := [(called[name], each.roc) for name, each in shown.items() if each.roc]:
        axes = ("false positive rate", "true positive rate")
        drawn.append(Drawing("ROC", curves("ROC curve", lines, axes, diagonal=True), "Diagonal: tossing a coin."))
    if lines := [(called[name], each.precision_recall) for name, each in shown.items() if each.precision_recall]:
        drawn.append(Drawing("Precision and recall", curves("Precision and recall", lines, ("recall", "precision"))))
    if lines := [(called[name], each.calibration) for name, each in shown.items() if each.calibration]:
        axes, said = ("predicted probability", "observed share"), "On the diagonal, what is predicted is what happens."
        drawn.append(Drawing("Calibration", curves("Calibration", lines, axes, diagonal=True, marked=True), said))
    if own.confusion:
        said = "Of each actual class, how many rows were decided to be which."
        drawn.append(Drawing("Confusion", matrix("Confusion matrix", own.classes, own.confusion), said))
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
    """The features that matter most."""
    ranked = sorted(own.importance, key=lambda each: -each.mean)[:MOST]
    if not ranked:
        return []
    said = f"By how much {metric} gets worse when the feature is shuffled; whisker: one standard deviation."
    if len(own.importance) > MOST:
        said += f" {MOST} of {len(own.importance):,} features."
    lines = [Measure(each.feature, each.mean, each.mean - each.spread, each.mean + each.spread) for each in ranked]
    return [Drawing("Importance", bars("Importance of features", lines), said)]


def draw_slices(own: Evaluation, metric: str) -> list[Drawing]:
    """The gate's metric where a column has one value: one drawing a column."""
    columns: dict[str, list[SliceScores]] = {}
    for each in own.slices:
        if each.score is not None:
            columns.setdefault(each.column, []).append(each)
    return [_slices(column, found, metric) for column, found in list(columns.items())[:SLICES]]


def _slices(column: str, found: Sequence[SliceScores], metric: str) -> Drawing:
    lines = [
        Measure(each.value, each.score, *_interval(each), each.rule, f"({each.rows:,} rows)")
        for each in found[:MOST]
        if each.score is not None
    ]
    ruled = any(each.other is not None for each in lines)
    rows = f"{min(each.rows for each in found):,} to {max(each.rows for each in found):,} rows each"
    more = f", {MOST} of {len(found):,} values" if len(found) > MOST else ""
    chart = dots(f"{metric} by {column}", lines, ("the model", "the rule") if ruled else None)
    return Drawing(f"{metric} by {column}", chart, f"Whisker: 95 % interval; {rows}{more}.")


def _interval(each: SliceScores) -> tuple[float | None, float | None]:
    return each.interval or (None, None)


def draw_scores(now: Histogram | None, then: Histogram | None) -> list[Drawing]:
    """What a run predicted beside what the champion predicted on its test rows."""
    if not now or not now.counts:
        return []
    then = then if then and then.counts else None
    said = "Outline: the champion's predictions when it was trained." if then else ""
    return [Drawing("Predictions", histogram("Predictions of this run", now, then), said)]


def draw_decided(now: Mapping[str, int], then: Mapping[str, int]) -> list[Drawing]:
    """Which classes a run decided for, as shares, beside the champion's when it was trained."""
    if not now:
        return []
    total, before = sum(now.values()) or 1, sum(then.values()) or 1
    names = sorted({*now, *then}, key=lambda name: -now.get(name, 0))[:MOST]
    lines = [
        Measure(name, now.get(name, 0) / total, other=then.get(name, 0) / before if then else None) for name in names
    ]  # fmt: skip
    chart = bars("Decided classes", lines, ("this run", "training") if then else None, share=True)
    return [Drawing("Decided classes", chart, "Shares of the scored rows.")]


def draw_column(now: ColumnProfile, then: ColumnProfile | None = None) -> Markup | None:
    """A column's distribution: a histogram of numbers and dates, bars of the most frequent values of a text."""
    then = then if then and then.kind == now.kind else None
    if now.kind in ("number", "date"):
        found = distributions(now, then)
        ends = (str(now.minimum)[:10], str(now.maximum)[:10]) if now.kind == "date" else None
        return sparkline(f"Distribution of {now.name}", *found, ends) if found else None
    if not now.frequent:
        return None
    before = {each.value: each.rows / max(then.present, 1) for each in then.frequent} if then else None
    lines = [
        Measure(
            each.value or "(empty)",
            each.rows / max(now.present, 1),
            other=before.get(each.value, 0.0) if before else None,
        )
        for each in now.frequent[:VALUES]
    ]
    return bars(f"Most frequent values of {now.name}", lines, share=True, width=SMALL)


def draw_correlations(profile: Profile) -> list[Drawing]:
    """The columns that go together most strongly."""
    names, values = profile.correlations.columns, profile.correlations.values
    if len(names) < 2:
        return []
    strength = [max((abs(v) for at, v in enumerate(row) if v is not None and at != own), default=0.0)
                for own, row in enumerate(values)]  # fmt: skip
    kept = sorted(sorted(range(len(names)), key=lambda index: -strength[index])[:HEATED])
    chart = heat("Correlations", [names[each] for each in kept], [[values[a][b] for b in kept] for a in kept])
    return [
        Drawing("Correlations", chart, "Pearson's r between numbers; with text, the correlation ratio or Cramér's V.")
    ]


def strongest_pairs(profile: Profile, number: int = 10) -> list[tuple[str, str, float]]:
    """The pairs of columns that go together most strongly."""
    names, values = profile.correlations.columns, profile.correlations.values
    pairs = [(names[b], names[a], value) for a, row in enumerate(values) for b, value in enumerate(row[:a])
             if value is not None]  # fmt: skip
    return sorted(pairs, key=lambda pair: -abs(pair[2]))[:number]


def draw_stations(entries: Sequence[Entry]) -> Markup | None:
    """When each station ran; one after the other where a journal does not say when they began."""
    stays, clock = [], 0.0
    for entry in entries[:STAYS]:
        started = getattr(entry, "started", None)
        begin = clock if started is None else float(started)
        stays.append((entry.station, begin, entry.seconds, entry.reused))
        clock = begin + entry.seconds
    return timeline("Stations", stays) if stays else None
