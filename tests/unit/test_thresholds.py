"""What thresholds find and cost, and the curves of a yes or no: against scikit-learn, and where they must lie."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from tierra.model.artifact import Predictions
from tierra.model.spec import Costs
from tierra.model.thresholds import cost_curve, gains_curve, precision_recall, threshold_table

ROWS = 4000
COSTS = Costs(false_alarm=1, missed=3)


def yes_or_no(ties: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    chance = random.beta(1, 4, ROWS)
    scores = np.round(chance * ties) / ties if ties else chance
    return (random.random(ROWS) < chance).astype(float), scores


def test_the_line_of_a_constant_rule_is_flat_at_the_base_rate() -> None:
    target, _ = yes_or_no()
    curve = precision_recall(target, np.full(ROWS, 0.3))
    assert curve.y == pytest.approx([target.mean()] * len(curve.y))
    assert (curve.x[0], curve.x[-1]) == (0, 1)


def test_precision_by_recall_is_that_of_scikit_learn_where_scores_differ() -> None:
    target, scores = yes_or_no()
    curve = precision_recall(target, scores)
    precision, recall, _ = precision_recall_curve(target, scores)
    for x, y in zip(curve.x[10:], curve.y[10:], strict=True):
        assert y == pytest.approx(precision[np.isclose(recall, x, atol=1 / target.sum())].max(), abs=0.02)
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(average_precision_score(target, scores), abs=0.02)


def test_a_rule_of_two_values_falls_from_the_rate_of_the_one_to_that_of_all() -> None:
    target = np.r_[np.ones(60), np.zeros(40), np.ones(20), np.zeros(180)]
    curve = precision_recall(target, np.r_[np.full(100, 0.9), np.full(200, 0.1)])
    inside = np.array(curve.x) <= 0.75
    assert np.array(curve.y)[inside] == pytest.approx(0.6)
    assert curve.y[-1] == pytest.approx(80 / 300)


def test_gains_reach_every_case_and_ties_lie_on_a_line() -> None:
    target, scores = yes_or_no()
    curve = gains_curve(target, scores)
    assert (curve.y[0], curve.y[-1]) == (0, 1)
    assert (np.diff(curve.y) >= 0).all()
    best = np.sort(scores)[::-1][ROWS // 10 - 1]
    assert curve.y[10] == pytest.approx(target[scores >= best].sum() / target.sum(), abs=1e-9)
    assert gains_curve(target, np.full(ROWS, 0.2)).y == pytest.approx(curve.x)


def test_the_table_marks_what_serves_and_counts_every_row() -> None:
    target, scores = yes_or_no()
    table = threshold_table(target, Predictions(scores, (scores >= 0.25).astype(int)), COSTS, 0.25)
    (served,) = [each for each in table if each.served]
    assert served.threshold == 0.25
    assert [each.alarms for each in table] == sorted({each.alarms for each in table})
    for each in table:
        alarmed = scores >= each.threshold
        assert each.alarms == alarmed.sum()
        assert each.precision == pytest.approx(target[alarmed].mean())
        assert each.recall == pytest.approx(target[alarmed].sum() / target.sum())
        paid = (alarmed & (target == 0)).sum() + 3 * (~alarmed & (target == 1)).sum()
        assert each.cost == pytest.approx(100 * paid / ROWS)


def test_few_different_scores_have_few_lines_and_no_alarm_has_no_precision() -> None:
    target, scores = yes_or_no(ties=4)
    table = threshold_table(target, Predictions(scores, np.zeros(ROWS, int)), None, 1.0)
    assert len(table) <= 6
    assert (table[0].served, table[0].alarms, table[0].precision, table[0].cost) == (True, 0, None, None)


def test_the_cost_curve_is_cheapest_where_costs_say_and_ends_at_all_or_nothing() -> None:
    target, scores = yes_or_no()
    found = cost_curve(target, Predictions(scores, (scores >= 0.25).astype(int)), COSTS, 0.25, 61.5)
    cheapest = found.curve.x[int(np.argmin(found.curve.y))]
    assert cheapest == pytest.approx(0.25, abs=0.1)  # 1 / (1 + 3), of a calibrated score
    assert found.curve.y[0] == pytest.approx(100 * (1 - target.mean()))
    assert found.curve.y[-1] == pytest.approx(300 * target.mean())
    assert found.served[1] == pytest.approx(found.curve.y[25], rel=0.02)
    assert found.rule == 61.5
