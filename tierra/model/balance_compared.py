"""Whether balancing pays: each way beside none, on the same rows, none of which it was fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tierra.model.artifact import Predictions
from tierra.model.balance_found import WayCompared
from tierra.model.balance_spec import NONE
from tierra.model.bootstrap import draw_metrics
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.difference import signed
from tierra.model.examples import Examples
from tierra.model.metrics import Metrics
from tierra.model.paired import difference_on, drawn_metric, too_few

ALPHA: Final = 0.05  # one-sided, shared by the ways that are compared


@dataclass(frozen=True)
class WayTried:
    """What a candidate balanced so predicted of the rows held out, and what was measured of it."""

    predictions: Predictions
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    chosen: DecisionChosen | None = None


def compare_ways(
    candidate: str, ways: Mapping[str, WayTried], rows: Examples, metric: str, more: tuple[str, ...] = ()
) -> list[WayCompared]:
    """Each way beside `none`, the first. The best of those that are shown to pay is chosen; none where none is."""
    draws = {name: draw_metrics(rows.target, each.predictions, rows.labels, rows.weight, units=rows.units, more=more)
             for name, each in ways.items()}  # fmt: skip
    judged = drawn_metric(metric, draws[NONE], rows.labels)
    few = too_few(rows.target, rows.labels).replace("test rows", "rows held out")
    compared = [_compare(candidate, name, ways, draws, rows, judged, few) for name in ways]
    paying = [each for each in compared if each.pays]
    best = max(paying, key=lambda each: each.difference or 0.0).way if paying else NONE
    return [each.model_copy(update={"chosen": each.way == best, "why_not": _why_not(each, best, few)})
            for each in compared]  # fmt: skip


def _compare(
    candidate: str, way: str, ways: Mapping[str, WayTried], draws: Mapping[str, Metrics], rows: Examples, metric: str,
    few: str,
) -> WayCompared:  # fmt: skip
    tried = ways[way]
    found = WayCompared(
        candidate=candidate,
        way=way,
        metric=metric,
        value=tried.metrics[metric],
        interval=tried.intervals.get(metric),
        loss_before=_loss_before(tried),
        loss=tried.metrics.get("log_loss"),
        calibration=tried.chosen.calibration if tried.chosen else NONE,
    )
    if way == NONE:
        return found
    value = signed(metric, tried.metrics[metric] - ways[NONE].metrics[metric])
    apart = difference_on(rows, metric, draws[way], draws[NONE], value)
    bounds = None if apart is None or few else apart.interval(ALPHA / max(len(ways) - 1, 1))
    return found.model_copy(update={"difference": value, "bounds": bounds})


def _loss_before(tried: WayTried) -> float | None:
    """The log loss of the probabilities as the model gave them."""
    if tried.chosen and tried.chosen.tried:
        return tried.chosen.tried[0].loss
    return tried.metrics.get("log_loss")


def _why_not(each: WayCompared, best: str, few: str) -> str:
    if each.way in (best, NONE):
        return ""
    if each.pays:
        return f"{best} gains more"
    return few or "not shown to be better than none"
