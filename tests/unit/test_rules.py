"""Baselines and averages say what their sentences promise."""

import numpy as np
import pandas as pd
import pytest

from tierra.errors import DataRejected
from tierra.model.rules import Averaged, AveragedValue, ColumnRule, ColumnValue, MeanRule, RateRule

TABLE = pd.DataFrame({"zone": ["A", "A", "A", "B", None], "hour": [1, 1, 2, 1, 1]})
ASKED = pd.DataFrame({"zone": ["B", "A", "C", None], "hour": [1, 1, 1, 1]})
YES = np.array([0, 1, 1, 0, 1])


def test_a_rate_is_that_of_the_group_and_of_all_rows_where_the_group_is_new() -> None:
    rule = RateRule(["zone"]).fit(TABLE, YES)
    assert rule.predict_proba(ASKED)[:, 1] == pytest.approx([0, 2 / 3, 3 / 5, 1])
    assert rule.predict(ASKED).tolist() == [0, 1, 1, 1]
    assert RateRule(["zone", "hour"]).fit(TABLE, YES).predict_proba(ASKED)[:, 1] == pytest.approx([0, 0.5, 0.6, 1])
    assert RateRule().fit(TABLE, YES).predict_proba(ASKED) == pytest.approx(np.array([[0.4, 0.6]] * 4))


def test_rows_count_by_their_weight_and_a_group_without_weight_is_new() -> None:
    weight = np.array([1.0, 3.0, 0.0, 0.0, 1.0])
    rates = RateRule(["zone"]).fit(TABLE, YES, weight).predict_proba(ASKED)[:, 1]
    assert rates == pytest.approx([0.8, 0.75, 0.8, 1])
    numbers = MeanRule(["zone"]).fit(TABLE, np.array([2.0, 4.0, 9.0, 7.0, 1.0]), weight).predict(ASKED)
    assert numbers == pytest.approx([3.0, 3.5, 3.0, 1.0])


def test_a_mean_is_that_of_the_group_and_of_all_rows_where_the_group_is_new() -> None:
    rule = MeanRule(["zone"]).fit(TABLE, np.array([2.0, 4.0, 9.0, 7.0, 1.0]))
    assert rule.predict(ASKED) == pytest.approx([7.0, 5.0, 4.6, 1.0])


def test_a_column_of_the_project_is_passed_through() -> None:
    table = pd.DataFrame({"rule__value": [0.0, 0.5, 1.0]})
    rule = ColumnRule().fit(table, YES)
    assert rule.predict_proba(table).tolist() == [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    assert (rule.predict(table).tolist(), rule.classes_.tolist()) == ([0, 1, 1], [0, 1])
    for wrong in (-0.01, 1.01, np.nan):
        with pytest.raises(DataRejected, match=r"rules:chance returned probabilities outside 0 and 1.*rule-range"):
            ColumnRule(function="rules:chance").predict_proba(pd.DataFrame({"rule__value": [0.5, wrong]}))
    numbers = ColumnValue().fit(table, YES).predict(pd.DataFrame({"rule__value": ["1.5", 2]}))
    assert numbers.tolist() == [1.5, 2.0]


def test_an_average_is_the_plain_mean_of_its_members() -> None:
    members = [RateRule().fit(TABLE, YES), RateRule(["zone"]).fit(TABLE, YES)]
    both = Averaged(members).fit(TABLE, YES)
    assert both.predict_proba(ASKED)[:, 1] == pytest.approx([0.3, (0.6 + 2 / 3) / 2, 0.6, 0.8])
    assert (both.predict(ASKED).tolist(), both.classes_.tolist()) == ([0, 1, 1, 1], [0, 1])
    numbers = [MeanRule().fit(TABLE, YES), MeanRule(["zone"]).fit(TABLE, YES)]
    assert AveragedValue(numbers).fit(TABLE, YES).predict(ASKED) == pytest.approx([0.3, (0.6 + 2 / 3) / 2, 0.6, 0.8])
