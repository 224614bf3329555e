"""Rows that a champion learnt from: left out where enough others remain, and told."""

import numpy as np
import pandas as pd
import pytest

from tests.browser.pages import trained
from tests.unit.test_evaluation import yes_or_no
from tierra.data.units import as_numbers
from tierra.model.comparison_checks import check_use
from tierra.model.evaluation import Evaluation
from tierra.steps.champion_beside import judged_on, learnt_facts

ROWS = 900


def test_a_unit_is_a_number_whatever_it_is() -> None:
    days = pd.Series(pd.to_datetime(["2024-01-02 23:59", "2024-01-02 00:00", "2024-01-03 00:00"]))
    assert np.diff(as_numbers(days)).tolist() == [0, 1]
    assert as_numbers(days.dt.tz_localize("Europe/Madrid")).tolist() == as_numbers(days).tolist()
    assert as_numbers(pd.Series([-(2**63), 7])).tolist() == [-(2**63), 7]


@pytest.mark.parametrize(
    ("learnt", "left", "count", "refused"),
    [(0, ROWS, 0, False), (30, ROWS - 30, 30, False), (ROWS - 10, ROWS, ROWS - 10, True), (None, ROWS, None, False)],
)
def test_what_a_champion_learnt_from_is_left_out(
    learnt: int | None, left: int, count: int | None, refused: bool
) -> None:
    test = yes_or_no()
    known = None if learnt is None else np.arange(ROWS) < learnt
    kept = judged_on(test, known)
    facts = learnt_facts(test, known, kept)
    assert (len(kept), facts["learnt"], "too_few" in facts) == (left, count, refused)
    if refused:
        most = "the champion learnt from 890 of 900 test rows, and of the others 10 test rows"
        assert facts["too_few"].startswith(most)
    elif learnt:
        assert kept.min() == learnt


def test_the_table_says_what_was_left_out_or_that_nobody_knows() -> None:
    for learnt, outcome, words in (
        (3, "passed", "3 rows"),
        (0, "passed", "none"),
        (None, "not known", "older version"),
    ):
        check = check_use(learnt, 1)[0]
        assert (check.outcome, words in check.reason, check.stops) == (outcome, True, False)


def test_a_training_that_was_refused_ends_with_a_code_of_its_own() -> None:
    measured = Evaluation(rows=900, metrics={"roc_auc": 0.7})
    end = trained("roc_auc", measured, measured, promoted=False)
    assert (end.name, end.exit_code) == ("KeptChampion", 0)
    refused = end.model_copy(update={"outcome": "Refused"})
    assert (refused.name, refused.exit_code, refused.made_a_difference) == ("Refused", 6, False)
