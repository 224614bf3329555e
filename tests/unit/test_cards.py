"""The cards: what they say, what they say is not stated, and that no text of a project becomes markup."""

from pathlib import Path

import pytest

from tests.browser.pages import a_profile, binary
from tests.browser.studied import studied
from tests.builders import ride_spec, write_project, zoned_spec
from tests.cases import each
from tests.champions import VERDICT, a_release
from tierra.cli.check import check_project
from tierra.data.labels import Labels
from tierra.errors import Misconfigured
from tierra.model.card_spec import Card, Goal
from tierra.model.decision_chosen import DecisionMeasured
from tierra.model.documents import Document, Part, to_markdown
from tierra.model.gate_checks import GateCheck
from tierra.model.leaks.finding import Leak
from tierra.model.release import Release
from tierra.project.project import Project, load_project
from tierra.report.cards import fill_card
from tierra.steps.cards import card_files, make_cards
from tierra.store.refs import ObjectRef

GOALS = [
    {"goal": "Beat the habit", "metric": "roc_auc", "at_least": 0.66},
    {"goal": "Say what comes true", "metric": "brier", "at_most": 0.12},
    {"goal": "Hardly ever be wrong", "metric": "accuracy", "at_least": 0.805},
    {"goal": "Please the drivers"},
]


def project(folder: Path, **card: object) -> Project:
    write_project(folder, ride_spec(card=card))
    return load_project(str(folder)).for_task("binary")


def release(**changes: object) -> Release:
    best = binary()
    stated = {
        "metrics": best.metrics, "rule_metrics": best.metrics, "intervals": best.intervals, "metric": "roc_auc",
        "rows": {"train": 20_000, "test": 5000}, "labels": Labels(classes=("no", "yes")), "candidate": "average",
        "datasets": {"rides": "ab12" * 16},
    }  # fmt: skip
    return a_release(**{**stated, **changes})


def cards(folder: Path, **card: object) -> tuple[Document, Document]:
    model, data = make_cards(project(folder, **card), release(), {"average": studied(binary())}, a_profile())
    return model, data


def part(document: Document, title: str) -> Part:
    return next(one for one in document.parts if one.title == title)


def test_a_goal_is_reached_missed_or_not_measured_and_luck_is_told(tmp_path: Path) -> None:
    model, _ = cards(tmp_path, goals=GOALS)
    told = [(row[1], row[2], row[3], row[5]) for row in part(model, "Goals").rows]
    assert told == [
        ("ROC AUC", "at least 0.66", "0.7100", "yes"),
        ("Brier", "at most 0.12", "0.1300", "no, but not surely"),
        ("accuracy", "at least 0.805", "0.8100", "yes, but not surely"),
        ("—", "—", "—", "not measured"),
    ]


def test_a_goal_with_half_a_measure_is_refused_in_one_line(tmp_path: Path) -> None:
    def check(goal: dict[str, object], what: str) -> None:
        with pytest.raises(Misconfigured, match=what):
            project(tmp_path, goals=[goal])

    each(
        [
            ({"goal": "a", "metric": "roc_auc"}, "a goal has a `metric` with one of"),
            ({"goal": "a", "at_least": 1}, "a goal has a `metric` with one of"),
            ({"goal": "a", "metric": "roc_auc", "at_least": 1, "at_most": 2}, "a goal has a `metric` with one of"),
            ({"goal": "a", "metric": "rmse", "at_most": 2}, "rmse is no metric of it"),
            ({"goal": "a", "metric": "goodness", "at_most": 2}, "one of roc_auc"),
            ({"goal": ""}, "at least 1 character"),
        ],
        check,
    )


def test_a_goals_metric_is_measured_without_being_named_twice(tmp_path: Path) -> None:
    assert project(
        tmp_path, goals=[GOALS[0], {"goal": "b", "metric": "neg_brier_score", "at_least": -0.2}]
    ).measured == (
        "roc_auc",
        "neg_brier_score",
    )


def test_the_card_says_what_is_not_stated_and_so_does_check_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = cards(tmp_path / "projects" / "rides", goal="Tip well", owner="ops@here")
    told = to_markdown(model)
    assert told.count("not stated") == 10
    assert "- **Goal:** Tip well" in told
    assert "- **Data:** not stated" in to_markdown(data)
    monkeypatch.setenv("TIERRA_PROJECTS", str(tmp_path / "projects"))
    monkeypatch.setenv("TIERRA_HOME", str(tmp_path / "var"))
    (warning,) = check_project("rides", data=False).warnings
    expected = "need, users, value, solution, alternatives, feasibility, limits, data, ethics, goals"
    assert warning == f"the card does not state {expected}; the model card will say so"
    assert Card().unstated[0] == "goal"


def test_the_model_card_holds_the_metrics_the_slices_the_gate_and_the_costs(tmp_path: Path) -> None:
    model, _ = cards(tmp_path, cost={"false_alarm": 1, "missed": 3}, ethics="Nobody is judged", limits="Not for fares")
    told = to_markdown(model, "4")
    for text in (
        "# Model card: rides, version 4", "| ROC AUC | 0.7100 | 0.6980 to 0.7230 | 0.7100 | 0.7600 |",
        "by drawing 30 days again and again", "| zone = north | 400 | 0.6800 | 0.6400 to 0.7200 | 0.6300 |",
        "logistic beats the rule", "a false alarm 1, a miss 3", "yes from a probability of 0.800 on",
        "- Nobody is judged", "Not for fares", "Errs most where zone = harbour", "| km | 0.0780 |",
        "20,000 train, 5,000 test",
    ):  # fmt: skip
        assert text in told, text


def test_the_data_card_holds_tables_gaps_rules_and_no_value_of_a_text(tmp_path: Path) -> None:
    _, data = cards(tmp_path, data="Rides of one spring")
    told = to_markdown(data)
    for text in ("Rides of one spring", "| rides | files | ride\\_id | day | ab12ab12ab12 |", "tipped",
                 "at most 1.0% of a table's rows are set aside"):  # fmt: skip
        assert text in told, text
    rows = {row[0]: row for row in part(data, "Columns").rows}
    texts = [name for name, column in a_profile().by_name.items() if column.kind == "text"]
    assert texts
    assert {rows[name][-2:] for name in texts} == {("", "")}


def test_what_is_left_to_a_person_and_what_an_interval_holds_stand_on_the_card(tmp_path: Path) -> None:
    measured = DecisionMeasured(reviewed=0.12, stated=0.9, covered=0.893, covered_interval=(0.88, 0.905))
    best = studied(binary(), decisions=measured)
    told = to_markdown(make_cards(project(tmp_path), release(), {"average": best}, None)[0])
    assert "- **Left to a person:** 12.0% of the test rows" in told
    assert "- **Intervals:** hold 89.3% of the test rows (88.0% to 90.5%), 0.9 stated" in told


def test_the_data_card_says_how_tables_are_joined(tmp_path: Path) -> None:
    write_project(tmp_path, zoned_spec(max_orphans="20%"))
    joined = load_project(str(tmp_path)).for_task("binary")
    told = to_markdown(make_cards(joined, release(features=("km", "centre", "rule__zone")), {}, None)[1])
    assert (told.count("2 features"), told.count("rule__")) == (1, 0)
    assert "rides with zones on zone; at most 20% of the rows without a match" in told
    assert "- **Features:** km, centre" in told
    assert "the profile of the training table is gone" in told


def test_the_gates_table_the_uses_of_the_test_part_and_acknowledged_leaks_stand_on_the_card(tmp_path: Path) -> None:
    checks = (
        GateCheck(kind="comparison", check="better than the rule", subject="ROC AUC", value=0.03, interval=(0.01, 0.05),
                  limit=0.02, bound="above", outcome="passed", reason="shown"),
        GateCheck(kind="test part", check="uses of the test part", value=3, limit=50, bound="at most",
                  outcome="passed"),
    )  # fmt: skip
    leaks = (Leak(kind="groups", columns=("driver",), evidence="12 drivers on both sides", reason="drivers come back"),)
    judged = release(verdict=VERDICT.model_copy(update={"checks": checks}), leaks=leaks)
    told = to_markdown(make_cards(project(tmp_path), judged, {}, None)[0])
    for text in (
        "These test rows have judged 3 challengers, this one included.",
        "| better than the rule, ROC AUC | passed | 0.0300 | 0.0100 to 0.0500 | above 0.02 | shown |",
        "| groups:driver | 12 drivers on both sides | drivers come back |",
    ):
        assert text in told, text
    assert "none was found" in to_markdown(cards(tmp_path)[0])


def test_a_text_of_the_project_is_no_markup_on_either_form(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> | [x](http://evil) *b*"
    model, _ = cards(tmp_path, goal=evil, goals=[{"goal": evil}])
    told = to_markdown(model)
    assert "<script" not in told
    assert "\\[x\\](http://evil)" in told
    assert "&lt;script>alert(1)&lt;/script> \\| " in told
    page = fill_card(model, "4")
    assert "<script" not in page
    assert "version 4" in page


def test_a_release_from_before_the_cards_is_the_same_to_the_byte() -> None:
    old = a_release()
    assert b'"cards"' not in old.text
    ref = ObjectRef(name="cards/x.json", sha256="0" * 64)
    assert Release.model_validate_json(old.model_copy(update={"cards": {"model": ref}}).text).cards == {"model": ref}


def test_mlflow_is_given_both_cards_in_markdown(tmp_path: Path) -> None:
    files = card_files(cards(tmp_path))
    assert sorted(files) == ["data_card.md", "model_card.md"]
    assert all(text.startswith(b"# ") for text in files.values())


def test_a_goal_says_its_bound() -> None:
    assert Goal(goal="a", metric="rmse", at_most=3).wanted == "at most 3"
    assert Goal(goal="a").is_reached(0)
