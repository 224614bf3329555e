"""How scores become decisions, in sentences and as a curve."""

from collections.abc import Iterator

from tierra.model.decision_chosen import DecisionChosen, DecisionMeasured
from tierra.model.evaluation import Curve
from tierra.report.drawings import Drawing
from tierra.report.plots import curves
from tierra.report.wording import amount


def describe_decision(chosen: DecisionChosen, measured: DecisionMeasured | None = None) -> list[str]:
    """What was chosen on the rows held out, among what, and what it is worth on the test rows."""
    return [*_calibration(chosen), *_threshold(chosen), *_band(chosen, measured), *_interval(chosen, measured)]


def draw_coverage_risk(measured: DecisionMeasured | None) -> list[Drawing]:
    """The share of wrong decisions when the most uncertain rows are left to a person."""
    if not measured or len(measured.risks) < 2:
        return []
    line = Curve(x=measured.decided_shares, y=measured.risks)
    chart = curves("Coverage and risk", [("wrong decisions", line)], ("share of rows decided", "wrong among them"))
    return [Drawing("Coverage and risk", chart, "The most uncertain rows are left to a person, from right to left.")]


def _calibration(chosen: DecisionChosen) -> Iterator[str]:
    tried = ", ".join(f"{each.method} {each.loss:.4f}" for each in chosen.tried)
    basis = f"log loss of {chosen.rows:,} rows held out, cross-fitted: {tried}"
    if chosen.calibration != "none":
        best = next(each for each in chosen.tried if each.method == chosen.calibration)
        low, high = best.better
        verb = f"better by {low:.4f} to {high:.4f}" + ("" if low > 0 else ", which is not shown to pay")
        yield f"Probabilities are corrected: {chosen.calibration}, {verb} ({basis})."
    elif chosen.tried:
        yield f"Probabilities are left as they are: {chosen.why_not} ({basis})."
    elif chosen.why_not:
        yield f"Probabilities are left as they are: {chosen.why_not}."


def _threshold(chosen: DecisionChosen) -> Iterator[str]:
    if chosen.threshold is None:
        return
    if not chosen.costs:
        yield f"Threshold {amount(chosen.threshold)}: the likelier class; the card declares no costs."
        return
    costs = f"a false alarm costs {chosen.costs.false_alarm:g}, a miss {chosen.costs.missed:g}"
    honest = ", by cross-fitted probabilities of the same rows" if chosen.calibration != "none" else ""
    yield f"Threshold {amount(chosen.threshold)}: the cheapest on validation{honest} ({costs})."


def _band(chosen: DecisionChosen, measured: DecisionMeasured | None) -> Iterator[str]:
    if chosen.band is None:
        return
    text = f"Left to a person: {_rows_left(*chosen.band)}, {chosen.reviewed:.1%} of the rows held out"
    if measured and measured.reviewed is not None:
        text += f" and {measured.reviewed:.1%} of the test rows"
    if measured and measured.risk is not None and measured.risk_interval:
        text += f"; of those decided there {measured.risk:.1%} are wrong ({_range(measured.risk_interval)})"
    yield f"{text}. Metrics and confusion count every row as it would be decided."


def _rows_left(low: float, high: float) -> str:
    if high <= low:
        return "no row"
    if low <= 0 and high > 1:
        return "every row, since no band is shown to keep the risk"
    return f"rows whose probability is from {amount(low)} to below {amount(min(high, 1.0))}"


def _interval(chosen: DecisionChosen, measured: DecisionMeasured | None) -> Iterator[str]:
    if chosen.width is None or chosen.coverage is None:
        return
    share = f"{chosen.coverage * 100:.4g} % of the actual numbers"
    text = f"Intervals: the prediction plus and minus {amount(chosen.width)}, which should hold {share}"
    text += f", from {chosen.rows:,} rows held out"
    if measured and measured.covered is not None and measured.covered_interval:
        text += f"; of the test rows they hold {measured.covered:.1%} ({_range(measured.covered_interval)})"
        if measured.covered_interval[1] < chosen.coverage:
            text += ", less than stated: the test rows are not like the rows held out"
    yield f"{text}."


def _range(interval: tuple[float, float]) -> str:
    return f"95 % interval {interval[0]:.1%} to {interval[1]:.1%}"
