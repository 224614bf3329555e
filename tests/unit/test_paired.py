"""Paired differences: as strict as the exact test where rows are few, and never sure of what few rows show."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from tests.unit.test_evaluation import yes_or_no
from tierra.data.labels import Labels
from tierra.model.artifact import Predictions
from tierra.model.bootstrap import draw_metrics
from tierra.model.difference import Difference
from tierra.model.paired import (
    difference_of_draws,
    difference_of_groups,
    effective_rows,
    too_few,
)

BINARY, NUMBER = Labels(task="binary", classes=("no", "yes")), Labels(task="regression", classes=())


def decided(wrong: int, rows: int = 2000) -> Predictions:
    """Predictions of rows that are all a yes, the first few of them wrong."""
    decision = np.ones(rows, int)
    decision[:wrong] = 0
    return Predictions(decision.astype(float), decision)


def accuracy_gained(wins: int, losses: int, rows: int = 2000) -> Difference:
    """A model that is right in `wins` rows where the other is wrong, and wrong in `losses` where it is right."""
    target = np.ones(rows, int)
    ours, theirs = decided(losses, rows), decided(0, rows)
    theirs.decision[losses : losses + wins] = 0
    theirs.scores[losses : losses + wins] = 0
    draws = [draw_metrics(target, each, BINARY)["accuracy"] for each in (ours, theirs)]
    found = difference_of_draws("accuracy", draws[0], draws[1], (wins - losses) / rows, rows)
    assert found
    return found


def test_few_rows_that_differ_are_judged_as_the_exact_test_does() -> None:
    for wins, losses, alpha in ((4, 0, 0.05), (5, 0, 0.05), (5, 0, 0.025), (6, 0, 0.025), (9, 2, 0.05), (8, 3, 0.05),
                                (40, 22, 0.025), (40, 25, 0.025)):  # fmt: skip
        exact = binom.sf(wins - 1, wins + losses, 0.5)  # McNemar's exact test, one-sided
        low, _ = accuracy_gained(wins, losses).interval(alpha)
        assert (low > 0) == (exact <= alpha), (wins, losses, alpha, exact)


def test_models_that_agree_on_every_row_are_not_surely_equal() -> None:
    few, many = (accuracy_gained(0, 0, rows).interval(0.05)[0] for rows in (50, 5000))
    assert -0.06 < few < -0.02
    assert -0.001 < many < 0


def test_the_error_is_that_of_the_paired_rows() -> None:
    random = np.random.default_rng(0)
    target = random.normal(size=800)
    one, other = (target + random.normal(size=800) for _ in range(2))
    draws = [draw_metrics(target, Predictions(each, each), NUMBER)["mae"] for each in (one, other)]
    apart = np.abs(other - target) - np.abs(one - target)
    found = difference_of_draws("mae", *draws, float(apart.mean()), 800)  # type: ignore[misc]
    assert found
    assert found.error == pytest.approx(apart.std(ddof=1) / np.sqrt(800), rel=0.1)


def test_a_metric_that_few_draws_have_gives_no_difference() -> None:
    nothing = np.full(100, np.nan)
    assert difference_of_draws("roc_auc", nothing, nothing, 0.1, 100) is None
    assert difference_of_groups(nothing, nothing, 0.1) is None


def test_rows_that_would_show_a_difference_show_it_in_four_of_five_cases() -> None:
    found = Difference(value=0.02, error=0.015, freedom=1e6)
    rows = found.rows_to_show(1000, 0.0, 0.025)
    assert rows
    error = 0.015 * np.sqrt(1000 / rows)
    assert norm.sf(norm.ppf(0.975) - 0.02 / error) == pytest.approx(0.8, abs=0.01)
    assert found.rows_to_show(1000, 0.03, 0.025) is None


def test_a_metric_of_classes_hangs_on_the_rarest() -> None:
    rare = np.array([1] * 10 + [0] * 990)
    assert effective_rows("accuracy", rare, BINARY) == 1000
    assert effective_rows("roc_auc", rare, BINARY) == pytest.approx(39.6)
    assert effective_rows("rmse", rare.astype(float), NUMBER) == 1000


def test_groups_are_of_like_many_rows_and_keep_the_rows_of_a_unit_together() -> None:
    rows = yes_or_no().take(np.arange(103))
    assert set(np.bincount(rows.in_groups()).tolist()) == {5, 6}
    for count in (7, 50):
        units = np.arange(103) % count * 3
        table = pd.DataFrame({"unit": units, "group": replace(rows, units=units).in_groups()})
        assert (table.groupby("unit")["group"].nunique() == 1).all()
        assert table["group"].nunique() == min(count, 20)


def test_two_rows_or_one_class_decide_nothing() -> None:
    for target, labels, words in (
        ([0, 1], BINARY, "2 test rows decide nothing: at least 20"),
        (
            [0] * 98 + [1, 1],
            BINARY,
            "2 of 100 test rows are not of the most frequent class, and 5 are needed: about 250",
        ),
        ([0] * 95 + [1] * 5, BINARY, ""),
        ([0.5] * 19, NUMBER, "19 test rows"),
        ([0.5] * 20, NUMBER, ""),
    ):
        found = too_few(np.array(target), labels)
        assert (found == "") == (words == ""), target
        assert words in found


def test_rows_of_the_builder_are_enough() -> None:
    assert too_few(yes_or_no().target, BINARY) == ""
