"""The gate: a model serves only when it beats the rule and the champion, and every reason is said."""

from pathlib import Path
from typing import Any

import pytest

from tests.champions import a_release, an_appointment
from tierra.model.champions import Champions
from tierra.model.gate import Scores, Verdict, advantage, format_metric, judge
from tierra.model.spec import Gate
from tierra.model.training import choose_candidate
from tierra.steps.register import served
from tierra.store.local_objects import LocalObjects
from tierra.store.refs import ObjectRef


def verdict(best: float, rule: float, champion: float | None = None, metric: str = "roc_auc", **gate: Any) -> Verdict:
    scores = Scores(
        rows=100,
        best="logistic",
        best_metrics={metric: best},
        rule_metrics={metric: rule},
        champion_metrics=None if champion is None else {metric: champion},
        champion_version=None if champion is None else "3",
    )
    return judge(scores, Gate(metric=metric, **gate))


def test_the_first_model_has_no_champion_to_beat() -> None:
    found = verdict(0.8, 0.7, beat_rule_by=0.05)
    assert (found.passed, found.promote, found.winner) == (True, True, "logistic")
    assert found.reasons == ("logistic beats the rule by 0.05 or more: ROC AUC 0.8000 against 0.7000",)


def test_the_rule_ships_when_nothing_beats_it() -> None:
    found = verdict(0.72, 0.7, beat_rule_by=0.05)
    assert (found.passed, found.promote, found.winner) == (False, True, "rule")


def test_a_model_equal_to_the_rule_does_not_beat_it_even_without_a_margin() -> None:
    assert verdict(0.7, 0.7).winner == "rule"


def test_a_model_that_beats_the_rule_by_just_the_margin_passes() -> None:
    assert verdict(0.75, 0.5, beat_rule_by=0.25).winner == "logistic"


def test_an_equal_model_does_not_beat_the_champion() -> None:
    found = verdict(0.8, 0.7, champion=0.8)
    assert (found.passed, found.promote) == (False, False)
    assert found.reasons[-1] == "logistic does not beat champion version 3: ROC AUC 0.8000 against 0.8000"


def test_a_model_must_beat_the_champion_by_more_than_the_margin() -> None:
    found = verdict(0.75, 0.5, champion=0.5, beat_champion_by=0.25)
    assert not found.promote
    assert found.reasons[-1].startswith("logistic does not beat champion version 3 by 0.25 or more: ROC AUC 0.7500")
    assert verdict(0.76, 0.5, champion=0.5, beat_champion_by=0.25).promote


def test_a_rule_replaces_a_champion_that_has_become_worse_than_it() -> None:
    found = verdict(0.6, 0.7, champion=0.65)
    assert (found.winner, found.promote, found.passed) == ("rule", True, False)


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_less_is_better_for_losses(metric: str) -> None:
    assert verdict(0.3, 0.5, champion=0.4, metric=metric).promote
    assert verdict(0.6, 0.5, metric=metric).winner == "rule"
    assert advantage(metric, {metric: 0.2}, {metric: 0.5}) == pytest.approx(0.3)


def test_the_best_on_validation_is_chosen_and_never_the_rule_while_there_is_a_model() -> None:
    losses = {"rule": {"log_loss": 0.1}, "logistic": {"log_loss": 0.5}, "average": {"log_loss": 0.4}}
    assert choose_candidate(losses, Gate(metric="log_loss")) == "average"
    assert choose_candidate({"rule": {"log_loss": 0.1}}, Gate(metric="log_loss")) == "rule"


def test_of_equals_the_first_is_chosen() -> None:
    assert choose_candidate({"rule": {"f1": 0}, "a": {"f1": 0.5}, "b": {"f1": 0.5}}, Gate(metric="f1")) == "a"


def test_a_champion_whose_metric_is_zero_is_still_a_champion() -> None:
    assert not verdict(0.0, 0.0, champion=0.0, metric="f1").promote


def test_a_metric_has_four_decimals_or_as_many_digits_as_people_read() -> None:
    numbers = (0.12345, -99.99994, 100.0, -512.345, 999.99, 1000.0, 1234567.8)
    texts = ["0.1235", "-99.9999", "100.00", "-512.35", "999.99", "1,000", "1,234,568"]
    assert [format_metric(number) for number in numbers] == texts


def test_what_serves_is_shown_as_it_was_measured_beside_the_others(tmp_path: Path) -> None:
    release, model = a_release(metrics={"roc_auc": 0.9}), ObjectRef(name=f"models/{'0' * 64}.skops", sha256="0" * 64)
    champion = Champions(LocalObjects(tmp_path)).appoint(release, model, {}, an_appointment(version="3"), 0)
    for version, metrics, shown in (
        ("3", {"roc_auc": 0.7}, 0.7),  # compared on today's test rows
        ("2", {"roc_auc": 0.7}, 0.9),  # another training was faster, and its champion was not compared
        (None, None, 0.9),  # the same training: its own test rows
    ):
        scores = Scores(rows=9, best="logistic", best_metrics={"roc_auc": 0.8}, rule_metrics={"roc_auc": 0.6},
                        champion_metrics=metrics, champion_version=version)  # fmt: skip
        assert served(champion, scores).metrics == {"roc_auc": shown}


def test_an_interval_that_is_all_worse_says_worse() -> None:
    scores = Scores(rows=9, best="logistic", best_metrics={"roc_auc": 0.5}, rule_metrics={"roc_auc": 0.6},
                    over_rule=(-0.15, -0.05))  # fmt: skip
    assert judge(scores, Gate(metric="roc_auc")).reasons[0].endswith("worse by 0.0500 to 0.1500 (95 % interval)")
