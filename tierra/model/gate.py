"""The gate: what must be beaten, and a verdict with every reason."""

from pydantic import BaseModel, ConfigDict, Field

from tierra.errors import DataRejected
from tierra.model.spec import LOWER_IS_BETTER, Gate, heading

Intervals = dict[str, tuple[float, float]]


class Scores(BaseModel):
    """Metrics of the best candidate, the rule and the champion on the same test rows."""

    model_config = ConfigDict(frozen=True)

    rows: int
    best: str
    best_metrics: dict[str, float]
    rule_metrics: dict[str, float]
    champion_metrics: dict[str, float] | None = None
    champion_version: str | None = None
    best_intervals: Intervals = {}
    rule_intervals: Intervals = {}
    champion_intervals: Intervals = {}
    over_rule: tuple[float, float] | None = Field(None, description="95 % interval of best less rule, paired")
    over_champion: tuple[float, float] | None = Field(None, description="95 % interval of best less champion, paired")


class Verdict(BaseModel):
    """Whether a model passed, what should serve, and every reason."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    winner: str
    promote: bool
    reasons: tuple[str, ...]


def advantage(metric: str, one: dict[str, float], other: dict[str, float]) -> float:
    """By how much `one` is better than `other`; negative when worse. Raises DataRejected when one is not a number."""
    if metric not in one or metric not in other:
        raise DataRejected("metric-failed", f"{heading(metric)} is no number on these rows: too few, or all alike")
    difference = one[metric] - other[metric]
    return -difference if metric in LOWER_IS_BETTER else difference


def judge(scores: Scores, gate: Gate) -> Verdict:
    """Compare the best candidate with the rule, and the better of the two with the champion.

    The rule is the challenger when no model beats it by the margin. Beating the
    champion means strictly greater than the margin.
    """
    over_rule = advantage(gate.metric_name, scores.best_metrics, scores.rule_metrics)
    beats_rule = over_rule > 0 and over_rule >= gate.beat_rule_by
    winner, metrics = (scores.best, scores.best_metrics) if beats_rule else ("rule", scores.rule_metrics)
    reasons = [_reason(gate.metric_name, scores.best, scores.best_metrics, "the rule", scores.rule_metrics,
                       gate.beat_rule_by, beats_rule, scores.over_rule)]  # fmt: skip
    promote = True
    if scores.champion_metrics:
        promote = advantage(gate.metric_name, metrics, scores.champion_metrics) > gate.beat_champion_by
        champion = f"champion version {scores.champion_version}"
        over = scores.over_champion if winner == scores.best else None
        reasons.append(_reason(gate.metric_name, winner, metrics, champion, scores.champion_metrics,
                               gate.beat_champion_by, promote, over))  # fmt: skip
    return Verdict(passed=beats_rule and promote, winner=winner, promote=promote, reasons=tuple(reasons))


def _reason(
    metric: str, name: str, ours: dict[str, float], other: str, theirs: dict[str, float], margin: float, beats: bool,
    over: tuple[float, float] | None,
) -> str:  # fmt: skip
    verb, by = "beats" if beats else "does not beat", f" by {margin:g} or more" if margin else ""
    both = f"{format_metric(ours[metric])} against {format_metric(theirs[metric])}"
    reason = f"{name} {verb} {other}{by}: {heading(metric)} {both}"
    if over is None:
        return reason
    low, high = (-over[1], -over[0]) if metric in LOWER_IS_BETTER else over
    word, low, high = ("worse", -high, -low) if high < 0 else ("better", low, high)
    return f"{reason}, {word} by {format_metric(low)} to {format_metric(high)} (95 % interval)"


def format_metric(value: float) -> str:
    """A metric as people read it: four decimals, or four significant digits of a large number."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
