"""Whether one model is shown to be better than another on rows that neither was fitted on."""

from collections.abc import Sequence
from typing import Final

from tierra.model.artifact import Predictions
from tierra.model.bootstrap import draw_metrics
from tierra.model.difference import signed
from tierra.model.examples import Examples
from tierra.model.metrics import compute_metrics
from tierra.model.paired import difference_on, drawn_metric

ALPHA: Final = 0.05  # one-sided


def is_shown_better(
    metric: str, ours: Predictions, theirs: Predictions, rows: Examples, more: Sequence[str] = ()
) -> bool:
    """Whether our predictions are better than theirs, one-sided 5 %, by paired bootstrap draws of units.

    A scorer of scikit-learn has no draws: there the task's own metric decides.
    """
    draws = [draw_metrics(rows.target, each, rows.labels, rows.weight, units=rows.units, more=more)
             for each in (ours, theirs)]  # fmt: skip
    judged = drawn_metric(metric, draws[0], rows.labels)
    values = [compute_metrics(rows.target, each, rows.labels, rows.weight, more)[judged] for each in (ours, theirs)]
    apart = difference_on(rows, judged, draws[0], draws[1], signed(judged, values[0] - values[1]))
    return apart is not None and apart.interval(ALPHA)[0] > 0
