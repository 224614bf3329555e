"""Metrics, and the decision threshold: cheapest, and midway between scores."""

import numpy as np
import pytest

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.metrics import choose_threshold, compute_metrics
from tierra.model.spec import Costs

TARGET = np.array([0, 0, 1, 0, 1, 1.0])
SCORES = np.array([0.1, 0.2, 0.3, 0.6, 0.7, 0.9])


def test_metrics_of_scores_worked_out_by_hand() -> None:
    found = compute_metrics(TARGET, Predictions(SCORES, (SCORES >= 0.5).astype(int)), Labels())
    assert found["roc_auc"] == pytest.approx(8 / 9)
    assert found["brier"] == pytest.approx(np.mean((SCORES - TARGET) ** 2))
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["log_loss"] == pytest.approx(-np.mean(np.log(np.where(TARGET == 1, SCORES, 1 - SCORES))))


def test_of_a_target_of_zero_there_is_no_relative_error() -> None:
    labels = Labels(task="regression")
    for target, has in (([1.0, 2.0], True), ([0.0, 2.0], False)):
        found = compute_metrics(np.array(target), Predictions(np.array([1.5, 2.5]), np.array([1.5, 2.5])), labels)
        assert ("mape" in found) is has
        assert found["mae"] == pytest.approx(np.mean(np.abs(np.array(target) - [1.5, 2.5])))


def test_a_certain_and_wrong_probability_has_a_finite_loss() -> None:
    assert np.isfinite(compute_metrics(TARGET, Predictions(1 - TARGET, TARGET), Labels())["log_loss"])


def test_the_threshold_lies_midway_between_neighbouring_scores() -> None:
    assert choose_threshold(TARGET, SCORES, Costs(false_alarm=1, missed=1)) in (
        pytest.approx(0.25),
        pytest.approx(0.65),
    )


def test_a_dear_miss_lowers_the_threshold_and_a_dear_alarm_raises_it() -> None:
    assert choose_threshold(TARGET, SCORES, Costs(false_alarm=1, missed=5)) == pytest.approx(0.25)
    assert choose_threshold(TARGET, SCORES, Costs(false_alarm=5, missed=1)) == pytest.approx(0.65)


def test_without_costs_the_threshold_parts_scores_at_one_half() -> None:
    assert choose_threshold(TARGET, SCORES, None) == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("scores", [SCORES / 10, SCORES / 10 + 0.9])
def test_without_costs_scores_on_one_side_of_one_half_stay_together(scores: np.ndarray) -> None:
    threshold = choose_threshold(TARGET, scores, None)
    assert ((scores >= threshold) == (scores >= 0.5)).all()


def test_a_threshold_that_says_no_to_all_is_above_every_score() -> None:
    for scores in (SCORES, SCORES + 0.1, np.nextafter(SCORES + 0.1, 0)):
        assert choose_threshold(np.zeros(6), scores, Costs(false_alarm=1, missed=1)) > scores.max()


def test_scores_that_touch_are_still_parted() -> None:
    low = 0.5
    scores = np.array([low, np.nextafter(low, 1)])
    threshold = choose_threshold(np.array([0.0, 1.0]), scores, Costs(false_alarm=1, missed=1))
    assert (scores >= threshold).tolist() == [False, True]
