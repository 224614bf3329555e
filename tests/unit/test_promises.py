"""A night whose rows are not like those that a promise was made on says that the promise is off."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from tierra.data.profile import Difference
from tierra.model.artifact import with_threshold
from tierra.model.calibration import Calibrated
from tierra.model.conformal import Ranged
from tierra.model.distributions import PROBABILITIES, count_between
from tierra.model.evaluation import Histogram
from tierra.model.promises import distance, find_shift, promise_of, strong_inputs
from tierra.model.review import Reviewed


def scores(rows: int, centre: float, seed: int) -> Histogram:
    return count_between(np.random.default_rng(seed).normal(centre, 0.15, rows), PROBABILITIES)


def test_who_promises_what() -> None:
    bare = LogisticRegression().fit([[0], [1]], [0, 1])
    corrected = Calibrated(bare, "sigmoid", np.array([1.0, 0.0]))
    assert promise_of(with_threshold(bare, 0.5)) == ""
    assert "probabilities are shares" in promise_of(with_threshold(corrected, 0.5))
    assert "probabilities are shares" in promise_of(corrected)
    assert "decided rows" in promise_of(Reviewed(with_threshold(bare, 0.5), 0.4, 0.6))
    assert promise_of(Ranged(bare, 1.0, 0.9, 100)).startswith("that 90 % of the actual numbers lie between")


def test_predictions_that_moved_are_unlike_and_those_that_did_not_are_alike() -> None:
    test = scores(2000, 0.4, 0)
    assert find_shift(scores(500, 0.4, 1), test, {}, {}) == ""
    assert find_shift(scores(500, 0.6, 1), test, {}, {}).startswith("the predictions are unlike")
    few = find_shift(scores(10, 0.5, 1), test, {}, {})
    assert few == "", "so few rows may lie anywhere"
    assert find_shift(None, test, {}, {}) == ""


def test_a_large_night_that_moved_little_is_alike() -> None:
    apart, limit = distance(scores(100_000, 0.42, 1), scores(100_000, 0.4, 0))
    assert limit < apart < 0.1
    assert find_shift(scores(100_000, 0.42, 1), scores(100_000, 0.4, 0), {}, {}) == ""


def test_several_classes_are_compared_by_how_many_rows_were_decided_as_each() -> None:
    before = {"a": 500, "b": 400, "c": 100}
    assert find_shift(None, None, {"a": 100, "b": 80, "c": 20}, before) == ""
    assert find_shift(None, None, {"a": 20, "b": 80, "review": 100}, before).startswith(
        "the decided classes are unlike"
    )
    assert find_shift(None, None, {"a": 1}, before) == ""
    assert find_shift(None, None, {}, before) == ""


def test_inputs_that_the_model_reads_are_named_where_they_moved_strongly() -> None:
    def moved(column: str, severity: str) -> Difference:
        return Difference(column=column, what="moved", severity=severity, size=1.0)

    every = [moved("km", "strong"), moved("rain", "notable"), moved("colour", "strong")]
    assert list(strong_inputs(every, ("km", "rain"))) == ["km: moved"]


def test_other_bins_are_not_compared() -> None:
    assert distance(Histogram(edges=(0, 1), counts=(5,)), scores(100, 0.4, 0)) == (0.0, 1.0)
