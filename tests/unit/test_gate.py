"""The gate: a model serves only when it is shown to be good enough; every check and reason is told."""

from pathlib import Path
from typing import Any

import pytest

from tests.champions import a_release, an_appointment
from tierra.model.champions import Champions
from tierra.model.comparison_checks import MOST_USES
from tierra.model.difference import Difference
from tierra.model.evaluation import SliceScores
from tierra.model.gate import Scores, Verdict, advantage, judge, level_of
from tierra.model.gate_checks import format_difference, format_metric
from tierra.model.guarded import ClassGuarded, Gap, Guarded, SliceDifference, SliceSearch
from tierra.model.spec import Gate
from tierra.model.training import choose_candidate
from tierra.steps.register import served
from tierra.store.local_objects import LocalObjects
from tierra.store.refs import ObjectRef


def apart(metric: str, one: float, other: float, error: float) -> Difference:
    return Difference(value=advantage(metric, {metric: one}, {metric: other}), error=error, freedom=1000)


def scores(
    best: float, rule: float, champion: float | None = None, metric: str = "roc_auc", error: float = 0.01, **more: Any
) -> Scores:
    """Three models on a thousand rows, whose differences are known to within an error."""
    found = Scores(rows=1000, best="logistic", best_metrics={metric: best}, rule_metrics={metric: rule},
                   over_rule=apart(metric, best, rule, error))  # fmt: skip
    if champion is not None:
        found = found.model_copy(update={
            "champion_metrics": {metric: champion}, "champion_version": "3",
            "over_champion": apart(metric, best, champion, error),
            "rule_over_champion": apart(metric, rule, champion, error),
        })  # fmt: skip
    return found.model_copy(update=more)


def verdict(*metrics: Any, metric: str = "roc_auc", error: float = 0.01, use: int = 1, **gate: Any) -> Verdict:
    return judge(scores(*metrics, metric=metric, error=error), Gate(metric=metric, **gate), use)


def test_the_first_model_has_no_champion_to_beat() -> None:
    found = verdict(0.8, 0.7, beat_rule_by=0.05)
    assert (found.passed, found.promote, found.winner) == (True, True, "logistic")
    line = "logistic beats the rule by 0.05 or more: ROC AUC 0.8000 against 0.7000, better by 0.0835 to 0.1165"
    assert found.reasons == (f"{line} (90 % interval)",)


def test_the_rule_ships_when_nothing_beats_it() -> None:
    found = verdict(0.72, 0.7, beat_rule_by=0.05)
    assert (found.passed, found.promote, found.winner) == (False, True, "rule")


def test_a_margin_must_be_shown_and_not_only_reached() -> None:
    for best, champion, error, promoted, word in (
        (0.80, 0.80, 0.01, False, "does not beat"),
        (0.81, 0.80, 0.01, False, "is not shown to beat"),
        (0.83, 0.80, 0.01, True, "beats"),
        (0.83, 0.80, 0.02, False, "is not shown to beat"),
        (0.70, 0.80, 0.01, False, "does not beat"),
    ):
        found = verdict(best, 0.5, champion, error=error)
        assert (found.promote, word in found.reasons[-1]) == (promoted, True), (best, champion, error)
    assert not verdict(0.83, 0.5, 0.8, beat_champion_by=0.02).promote
    assert verdict(0.86, 0.5, 0.8, beat_champion_by=0.02).promote


def test_what_is_not_shown_says_how_many_rows_would_show_it() -> None:
    found = verdict(0.81, 0.5, 0.8)
    assert found.reasons[-1].endswith("; about 7,900 test rows would show a difference as large as this one")
    again = scores(0.81, 0.5, 0.8, error=0.01 / 7.9**0.5)
    low, _ = again.over_champion.interval(0.025)  # type: ignore[union-attr]
    assert 0 < low < 0.01  # with so many rows the bound lies between nothing and the difference


def test_a_routine_refresh_need_not_be_better_but_must_not_be_worse() -> None:
    for best, passes in ((0.80, True), (0.79, True), (0.77, False), (0.70, False)):
        found = verdict(best, 0.5, 0.8, challenger="noninferior", margin=0.03)
        assert found.promote == passes, best
    assert "is shown not to be worse than champion version 3 by 0.03 or more" in verdict(
        0.8, 0.5, 0.8, challenger="noninferior", margin=0.03).reasons[-1]  # fmt: skip


def test_a_rule_replaces_a_champion_only_when_it_is_shown_to_be_better() -> None:
    found = verdict(0.6, 0.7, 0.65)
    assert (found.winner, found.promote, found.passed) == ("rule", True, False)
    assert not verdict(0.6, 0.65, 0.65, challenger="noninferior", margin=0.1).promote


def test_each_further_use_of_a_test_part_gets_less_of_alpha() -> None:
    spent = [level_of(0.05, use) for use in range(1, 1000)]
    assert spent[0] == 0.025
    assert sum(spent) < 0.05
    assert verdict(0.83, 0.5, 0.8, use=1).promote
    assert not verdict(0.83, 0.5, 0.8, use=9).promote


def test_a_test_part_that_is_used_up_decides_nothing_and_a_person_should_know() -> None:
    assert verdict(0.9, 0.5, 0.8, use=MOST_USES).promote
    found = verdict(0.9, 0.5, 0.8, use=MOST_USES + 1)
    assert (found.promote, found.is_refused) == (False, True)
    assert "wait for new labels" in found.reasons[-1]
    assert not verdict(0.8, 0.5, 0.8).is_refused  # not better: nobody need look


def test_rows_too_few_decide_nothing() -> None:
    few = "2 test rows decide nothing: at least 20 are needed"
    gate = Gate(metric="roc_auc")
    first = judge(scores(1.0, 0.5, error=0.0, too_few=few), gate)
    assert (first.winner, first.promote, first.reasons[-1]) == ("rule", True, few)
    later = judge(scores(1.0, 0.5, 0.6, error=0.0, too_few=few), gate)
    assert (later.promote, later.is_refused, later.reasons[-1]) == (False, True, few)


def test_a_metric_without_an_interval_shows_nothing() -> None:
    found = judge(scores(0.9, 0.5, 0.6, over_champion=None), Gate(metric="roc_auc"))
    assert (found.promote, "give no interval" in found.reasons[-1]) == (False, True)


def test_every_check_is_a_line_of_one_table() -> None:
    found = verdict(0.81, 0.5, 0.8)
    assert [(each.check, each.outcome) for each in found.checks] == [
        ("rows of the test part", "passed"), ("better than the rule", "passed"), ("rows it learnt from", "passed"),
        ("uses of the test part", "passed"), ("better than the champion", "undecided"),
    ]  # fmt: skip
    assert found.checks[-1].cells[:6] == (
        "better than the champion", "ROC AUC", "0.0100", "-0.0096 to 0.0296", "above 0", "undecided"
    )  # fmt: skip


def a_slice(growth: float, error: float, name: str = "A") -> SliceDifference:
    beyond = Difference(value=growth - 0.05, error=error, freedom=500)
    return SliceDifference(column="zone", value=name, rows=500, growth=growth, beyond=beyond)


def test_a_better_model_with_a_bad_slice_is_refused_and_the_slice_named() -> None:
    bad = Guarded(reference="the champion", slices=SliceSearch(looked=20, worst=(a_slice(0.9, 0.1),)))
    found = judge(scores(0.9, 0.5, 0.8, guarded=bad), Gate(metric="roc_auc"))
    assert (found.promote, found.is_refused, found.winner) == (False, True, "logistic")
    where = "in the slice zone = A (500 rows) the loss is 90 % above that of the champion"
    assert found.reasons[-1] == f"{where}, surely more than 62 %, and 5 % is allowed"
    assert found.checks[-1].cells[:6] == ("loss in a slice", "zone = A", "0.9000", "0.6180 to 1.1820", "at most 0.05",
                                          "failed")  # fmt: skip
    first = judge(scores(0.9, 0.5, guarded=bad), Gate(metric="roc_auc"))
    assert (first.winner, first.promote) == ("rule", True)


def test_of_several_bad_slices_the_worst_decides_and_each_has_its_line() -> None:
    both = SliceSearch(looked=20, worst=(a_slice(0.9, 0.1, "A"), a_slice(0.5, 0.1, "B")))
    found = judge(scores(0.9, 0.5, 0.8, guarded=Guarded(slices=both)), Gate(metric="roc_auc"))
    assert ["zone = A" in found.reasons[-1], "zone = B" in found.reasons[-2]] == [True, True]
    assert [each.subject for each in found.checks if each.stops] == ["zone = A", "zone = B"]


def test_a_slice_is_bad_only_when_that_is_shown_among_all_that_were_looked_at() -> None:
    for looked, worst, promoted in (
        (1, a_slice(0.30, 0.1), False),  # 2.5 standard errors above the limit
        (20, a_slice(0.30, 0.1), True),  # which one of twenty may be by luck
        (20, a_slice(0.04, 0.0), True),  # within what is allowed
    ):
        guarded = Guarded(slices=SliceSearch(looked=looked, worst=(worst,)))
        assert judge(scores(0.9, 0.5, 0.8, guarded=guarded), Gate(metric="roc_auc")).promote == promoted, worst


def test_a_guardrail_that_is_broken_names_itself() -> None:
    known = Difference(value=0.5, error=0.01, freedom=500)
    yes = ClassGuarded(name="yes", rows=90, recall=known, fall=known)
    gap = Gap(column="sex", low="f", high="m", gap=known)
    few = SliceScores(column="zone", value="A", rows=50, score=0.6)
    for guarded, gate, words in (
        (Guarded(classes=(yes,)), {"classes": {"floor": 0.6}}, "the recall of class yes, 0.5000, is below 0.6"),
        (Guarded(classes=(yes,)), {"classes": {"floor": {"yes": 0.6, "no": 0.9}}}, "is below 0.6"),
        (Guarded(classes=(yes,)), {"classes": {"drop": 0.1}}, "the recall of class yes is 0.4"),
        (Guarded(gaps=(gap,)), {"fairness": {"by": ["sex"], "difference": 0.1}}, "the error differs by 0.5000"),
        (Guarded(calibration=known), {"calibration": 0.1}, "the calibration error is 0.5000, and 0.1 is allowed"),
        (Guarded(latency_ms=12.0), {"latency_ms": 5}, "the time for one row is 12.0000 ms, and 5 ms is allowed"),
        (Guarded(size_mb=40.0), {"size_mb": 10}, "the size of the model is 40.0000 MB, and 10 MB is allowed"),
        (Guarded(floors=(few,)), {"slices": {"floor": {"zone=A": 0.7}}}, "in the slice zone = A is below 0.7"),
    ):
        rails = Gate.model_validate({"metric": "roc_auc", **gate}, strict=False)
        found = judge(scores(0.9, 0.5, 0.8, guarded=guarded), rails)
        assert (found.promote, found.is_refused, words in found.reasons[-1]) == (False, True, True), words
        assert judge(scores(0.9, 0.5, 0.8, guarded=guarded), Gate(metric="roc_auc")).promote, words


def test_a_floor_of_what_was_not_measured_is_not_known() -> None:
    known = Difference(value=0.5, error=0.01, freedom=500)
    guarded = Guarded(
        classes=(ClassGuarded(name="yes", rows=90, recall=known, fall=known),),
        floors=(SliceScores(column="zone", value="A", rows=50, score=0.6),),
    )
    gate = {"classes": {"floor": {"yess": 0.6}}, "slices": {"floor": {"zone=B": 0.9}}}
    found = judge(scores(0.9, 0.5, 0.8, guarded=guarded), Gate.model_validate({"metric": "roc_auc", **gate}))
    lines = [(each.check, each.subject, each.outcome) for each in found.checks if each.kind == "guardrail"]
    assert lines == [("floor of a slice", "zone=B", "not known"), ("recall of a class", "yess", "not known")]


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
def test_less_is_better_for_losses(metric: str) -> None:
    assert verdict(0.3, 0.5, 0.4, metric=metric).promote
    assert verdict(0.6, 0.5, metric=metric).winner == "rule"
    assert advantage(metric, {metric: 0.2}, {metric: 0.5}) == pytest.approx(0.3)


def test_the_best_on_validation_is_chosen_and_never_the_rule_while_there_is_a_model() -> None:
    losses = {"rule": {"log_loss": 0.1}, "logistic": {"log_loss": 0.5}, "average": {"log_loss": 0.4}}
    assert choose_candidate(losses, Gate(metric="log_loss")) == "average"
    assert choose_candidate({"rule": {"log_loss": 0.1}}, Gate(metric="log_loss")) == "rule"


def test_of_equals_the_first_is_chosen() -> None:
    assert choose_candidate({"rule": {"f1": 0}, "a": {"f1": 0.5}, "b": {"f1": 0.5}}, Gate(metric="f1")) == "a"


def test_a_champion_whose_metric_is_zero_is_still_a_champion() -> None:
    assert not verdict(0.0, 0.0, 0.0, metric="f1").promote


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
        measured = Scores(rows=9, best="logistic", best_metrics={"roc_auc": 0.8}, rule_metrics={"roc_auc": 0.6},
                          champion_metrics=metrics, champion_version=version)  # fmt: skip
        assert served(champion, measured).metrics == {"roc_auc": shown}


def test_an_interval_that_is_all_worse_says_worse() -> None:
    assert verdict(0.5, 0.6).reasons[0].endswith("worse by 0.0835 to 0.1165 (90 % interval)")


def test_a_difference_has_no_exponent_where_it_is_large() -> None:
    margins = {3000.0: "3,000", 99.96: "100", 12.34: "12.3", 0.005: "0.005", 0.0: "0"}
    assert [format_difference(each, 3) for each in margins] == list(margins.values())
    signed = {99.6: "+100", -1234.5: "-1,234", 0.00123: "+0.0012", 0.0: "+0"}
    assert [format_difference(each, sign="+") for each in signed] == list(signed.values())
