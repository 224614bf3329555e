"""Intervals: they cover the truth as often as they say, and pair models on the same draws."""

import time

import numpy as np
import pytest

from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.bootstrap import degrees_of, draw_metrics, interval, intervals
from tierra.model.metrics import weighted_metrics

NUMBER = Labels(task="regression", classes=())


def said(scores: np.ndarray) -> Predictions:
    return Predictions(scores, (scores >= 0.5).astype(int))


def yes_or_no(random: np.random.Generator, rows: int) -> tuple[np.ndarray, Predictions]:
    """Rows whose probability is their true one."""
    chance = random.random(rows)
    return (random.random(rows) < chance).astype(float), said(chance)


def numbers(random: np.random.Generator, rows: int) -> tuple[np.ndarray, Predictions]:
    target = random.normal(size=rows)
    predicted = target + random.normal(size=rows)
    return target, Predictions(predicted, predicted)


# Of Y ~ B(1, p), p uniform: E brier = 1/6, E log loss = 1/2, accuracy 3/4, AUC 5/6.
BINARY = {"brier": 1 / 6, "log_loss": 0.5, "accuracy": 0.75, "roc_auc": 5 / 6}
REGRESSION = {"rmse": 1.0, "mae": np.sqrt(2 / np.pi), "r2": 0.0, "median_error": 0.6744897501960817}


@pytest.mark.parametrize(("draw", "labels", "truth"), [(yes_or_no, Labels(), BINARY), (numbers, NUMBER, REGRESSION)])
def test_intervals_cover_the_truth_as_often_as_they_say(draw: object, labels: Labels, truth: dict[str, float]) -> None:
    """Of 200 samples, 95 % plus or minus three binomial standard deviations."""
    covered = dict.fromkeys(truth, 0)
    samples = 200
    for seed in range(samples):
        target, predicted = draw(np.random.default_rng(seed), 400)  # type: ignore[operator]
        found = intervals(draw_metrics(target, predicted, labels, draws=200))
        for name, true in truth.items():
            covered[name] += found[name][0] <= true <= found[name][1]
    assert all(0.95 - 0.046 <= count / samples <= 0.95 + 0.046 for count in covered.values()), covered


def test_an_interval_narrows_with_the_root_of_the_rows() -> None:
    random = np.random.default_rng(0)
    widths = [np.diff(intervals(draw_metrics(*yes_or_no(random, rows), Labels()))["brier"])[0] for rows in (400, 6400)]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.2)


def test_the_same_rows_give_every_model_the_same_draws() -> None:
    target, predicted = yes_or_no(np.random.default_rng(1), 300)
    first, second = (draw_metrics(target, predicted, Labels()) for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name] - second[name], 0.0)


def test_models_on_the_same_rows_are_compared_more_finely_than_apart() -> None:
    target, predicted = yes_or_no(np.random.default_rng(2), 300)
    nearly = said(np.clip(predicted.scores + 0.01, 0, 1))
    ours, theirs = (draw_metrics(target, each, Labels())["brier"] for each in (predicted, nearly))
    paired, alone = np.diff(interval(ours - theirs)), np.diff(interval(ours))  # type: ignore[arg-type]
    assert paired < alone / 5


def test_rows_of_weight_zero_move_no_interval() -> None:
    target, predicted = yes_or_no(np.random.default_rng(3), 200)
    weight = np.r_[np.ones(100), np.zeros(100)]
    other = said(np.r_[predicted.scores[:100], 1 - predicted.scores[100:]])
    ours, theirs = (draw_metrics(target, each, Labels(), weight) for each in (predicted, other))
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5)


def test_an_interval_holds_the_metric_itself_with_weights_too() -> None:
    from tierra.model.metrics import compute_metrics

    random = np.random.default_rng(4)
    target, predicted = yes_or_no(random, 500)
    weight = random.gamma(2, 1, 500)
    metrics = compute_metrics(target, predicted, Labels(), weight)
    found = intervals(draw_metrics(target, predicted, Labels(), weight))
    assert set(found) == set(metrics)
    for name, (low, high) in found.items():
        assert low <= metrics[name] <= high


def test_draws_without_both_classes_have_no_area_and_are_passed_over() -> None:
    target = np.r_[1.0, np.zeros(60)]  # the one case is missing from about 37 % of the draws
    draws = draw_metrics(target, said(np.linspace(0.9, 0.1, 61)), Labels())
    assert 0.3 < np.isnan(draws["roc_auc"]).mean() < 0.45
    assert intervals(draws)["roc_auc"] == (1.0, 1.0)
    alone = draw_metrics(np.zeros(40), said(np.linspace(0, 1, 40)), Labels())
    assert "roc_auc" not in intervals(alone)
    assert "brier" in intervals(alone)


def test_rows_of_one_unit_are_drawn_together() -> None:
    """Ten copies of each row say no more than the rows: by unit the interval is as wide, by row far narrower."""
    target, predicted = yes_or_no(np.random.default_rng(7), 300)
    copies = np.repeat(np.arange(300), 10)
    many = said(predicted.scores[copies])
    once = np.diff(intervals(draw_metrics(target, predicted, Labels()))["brier"])
    by_unit = np.diff(intervals(draw_metrics(target[copies], many, Labels(), units=copies))["brier"])
    by_row = np.diff(intervals(draw_metrics(target[copies], many, Labels()))["brier"])
    assert by_unit == pytest.approx(once, rel=0.01)
    assert by_row < once / 2


def test_units_give_every_model_the_same_draws() -> None:
    target, predicted = yes_or_no(np.random.default_rng(8), 300)
    units = np.arange(300) // 6
    first, second = (draw_metrics(target, predicted, Labels(), units=units) for _ in range(2))
    np.testing.assert_array_equal(first["roc_auc"], second["roc_auc"])


def test_few_units_have_wider_intervals() -> None:
    draws = np.random.default_rng(9).normal(size=100_000)
    widths = [float(np.diff(interval(draws, degrees))[0]) for degrees in (4, 20, 1000)]  # type: ignore[arg-type]
    # Of Student's t: 2.776 and 2.086 and 1.962, each times the root of n over n less one.
    assert widths == pytest.approx([6.21, 4.28, 3.93], rel=0.02)


def test_the_rarest_class_decides_how_sure_an_area_is() -> None:
    target = np.r_[np.ones(10), np.zeros(990)]
    assert degrees_of("roc_auc", target, Labels()) == pytest.approx(9, abs=0.3)
    assert degrees_of("log_loss", target, Labels()) == 999
    assert degrees_of("roc_auc", target, Labels(), np.arange(1000) // 5) == pytest.approx(1, abs=0.1)


def test_an_area_of_many_ranks_is_hardly_another_in_the_draws() -> None:
    target, predicted = yes_or_no(np.random.default_rng(10), 50_000)
    ones = np.ones((1, 50_000))
    exact, coarse = (weighted_metrics(target, predicted, Labels(), coarse=each)(ones) for each in (False, True))
    for name in exact:
        assert coarse[name] == pytest.approx(exact[name], abs=1e-4)


def test_an_interval_needs_half_of_its_draws() -> None:
    assert interval(np.array([1.0, np.nan])) == (1.0, 1.0)
    assert interval(np.array([1.0, np.nan, np.nan])) is None


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("labels", [Labels(), NUMBER, Labels(task="multiclass", classes=("a", "b", "c"))])
def test_one_or_two_rows_have_intervals_or_none_and_never_an_error(rows: int, labels: Labels) -> None:
    scores = np.full((rows, 3), 1 / 3) if labels.task == "multiclass" else np.full(rows, 0.4)
    decision = scores.argmax(axis=1) if labels.task == "multiclass" else np.zeros(rows)
    found = intervals(draw_metrics(np.arange(rows, dtype=float), Predictions(scores, decision), labels))
    assert all(np.isfinite(each).all() for each in found.values())


def test_a_thousand_draws_of_twenty_thousand_rows_take_seconds() -> None:
    """A plain bound for a busy machine; tests/bench/bench_bootstrap.py measures it."""
    target, predicted = yes_or_no(np.random.default_rng(6), 20_000)
    started = time.process_time()
    draw_metrics(target, predicted, Labels())
    assert time.process_time() - started < 5


def test_one_row_of_a_class_gives_a_wide_interval_that_no_skew_turns_around() -> None:
    random = np.random.default_rng(0)
    target = np.r_[1.0, np.zeros(99)]
    predicted = said(np.clip(random.random(100) / 2 + target * 0.3, 0, 1))
    for name in ("roc_auc", "average_precision"):
        draws = draw_metrics(target, predicted, Labels())[name]
        found = interval(draws, degrees_of(name, target, Labels()), name)
        assert found == (np.nanmin(draws), np.nanmax(draws))
