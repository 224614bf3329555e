"""The project file: strict, with defaults, and errors that name file, line and key."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.builders import ride_source, ride_spec, write_project, zoned_spec
from tierra.errors import Misconfigured
from tierra.project.project import Project, load_project

MINIMAL = """\
project: rides
sources:
  rides: {kind: file, path: rides.csv}
target: tipped
split: {column: day}
"""


def load(folder: Path, spec: dict[str, Any] | str | None = None) -> Project:
    return load_project(str(write_project(folder / "rides", spec)))


def refusal(folder: Path, spec: dict[str, Any] | str) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        load(folder, spec)
    return caught.value


def test_a_minimal_file_has_a_default_for_everything_else(tmp_path: Path) -> None:
    project = load(tmp_path, MINIMAL)
    settled = project.for_task("binary")
    assert [each.name for each in settled.candidates] == [
        "rule",
        "logistic",
        "shallow_boosting",
        "hist_gradient_boosting",
        "selection",
    ]
    assert (settled.gate.metric, settled.gate.beat_champion_by) == ("roc_auc", 0.0)
    assert (project.split.validation, project.split.test) == (30, 30)
    assert project.score.columns is None  # what is published follows the task
    assert (project.dataset, project.main, project.main_source.key) == ("rides", "rides", ())
    assert project.schedule.score == ()


def test_on_is_a_word_and_only_true_and_false_are_booleans(tmp_path: Path) -> None:
    text = MINIMAL.replace("tipped", "on") + "positive: yes\ncard: {goal: off, owner: no}\n"
    project = load(tmp_path, text)
    assert (project.target, project.positive) == ("on", "yes")
    assert (project.card.goal, project.card.owner) == ("off", "no")
    assert load(tmp_path, text.replace("yes", "true")).positive is True


def test_joins_read_on_as_a_key(tmp_path: Path) -> None:
    assert load(tmp_path, zoned_spec()).joins[0].on == ("zone",)


def test_an_error_names_the_line_of_the_key(tmp_path: Path) -> None:
    error = refusal(tmp_path, MINIMAL + "gate:\n  metric: roc_auc\n  beat_rule_by: a lot\n")
    assert "project.yaml:8: gate.beat_rule_by: should be a valid number" in error.what


def test_a_missing_key_names_the_line_of_its_parent(tmp_path: Path) -> None:
    error = refusal(tmp_path, MINIMAL.replace(", path: rides.csv", ""))
    assert error.code == "key-missing"
    assert "project.yaml:3: sources.rides: 'path' is missing" in error.what


def test_the_kind_of_a_source_is_asked_for_by_its_names(tmp_path: Path) -> None:
    error = refusal(tmp_path, MINIMAL.replace("kind: file, ", ""))
    assert (error.code, "sources.rides: 'kind' is missing" in error.what) == ("key-missing", True), error.what
    error = refusal(tmp_path, MINIMAL.replace("kind: file", "kind: files"))
    assert "sources.rides: 'kind' should be one of 'sql', 'file'" in error.what


def test_a_search_by_no_metric_is_refused_and_one_by_a_scorer_is_not(tmp_path: Path) -> None:
    def searched(metric: str) -> dict[str, Any]:
        return ride_spec(candidates=[{"rule": "base_rate"}, {"model": "logistic", "search": {"metric": metric}}])

    assert "candidates.1.search: one of roc_auc" in refusal(tmp_path, searched("aucc")).what
    for metric in ("f1", "neg_brier_score"):
        load(tmp_path, searched(metric))


def test_a_way_to_balance_is_refused_at_its_own_key(tmp_path: Path) -> None:
    error = refusal(tmp_path, MINIMAL + "balance: [{resample: under, ratio: 3}]\n")
    assert "balance.0.ratio: should be less than or equal to 1" in error.what
    assert "more)" not in error.what


def test_several_mistakes_show_the_first_and_count_the_others(tmp_path: Path) -> None:
    error = refusal(tmp_path, MINIMAL + "card: {goal: 1, owner: 2, users: 3}\n")
    assert "card.goal" in error.what
    assert error.what.endswith("(and 2 more)")


def test_a_line_in_a_list_of_candidates_is_found(tmp_path: Path) -> None:
    text = MINIMAL + "candidates:\n  - rule: base_rate\n  - model: logistic\n    params: 3\n"
    assert "project.yaml:9: candidates.1.params" in refusal(tmp_path, text).what
    error = refusal(tmp_path, text.replace("params", "parms"))
    assert "project.yaml:9: candidates.1.parms: unknown key" in error.what


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": "1"},
        {"project": "Rides of taxis"},
        {"sources": {}},
        {"sources": ride_source(history="7d", partition_by=None)},
        {"sources": ride_source(columns=["km", "tipped"])},
        {"sources": ride_source(known_later="day")},
        {"sources": ride_source(types={"km": "float"})},
        {"sources": {"rides": {"kind": "sql", "connection": "warehouse", "table": "rides", "query": "select 1"}}},
        {"sources": {"rides": {"kind": "sql", "connection": "warehouse"}}},
        {"contract": {"quarantine_budget": "101%"}},
        {"contract": {"quarantine_budget": True}},
        {"preprocessing": {"outliers": "quarantine", "fence": "quantile"}},
        {"preprocessing": {"columns": {"km": {"outliers": "quarantine", "fence": "isolation_forest"}}}},
        {"preprocessing": {"columns": {"km": {"fill": 3}}}},
        {"preprocessing": {"columns": {"zone": {"order": ["A", "B"], "encode": "hash"}}}},
        {"gate": {"beat_rule_by": -0.1}},
        {"candidates": []},
        {"candidates": [{"model": "logistic"}, {"model": "logistic"}]},
        {"candidates": [{"rule": "base_rate"}, {"rule": {"rate_by": "zone"}}]},
        {"candidates": [{"model": "random_wood"}]},
        {"candidates": [{"estimator": "logistic"}]},
        {"card": {"cost": {"false_alarm": 0, "missed": 1}}},
        {"schedule": {"timezone": "Europe/Madird"}},
        {"schedule": {"score": "every night"}},
        {"score": {"sink": {"uri": "../elsewhere"}}},
        {"score": {"ready": {"min_rows": 0}}},
        {"split": {"by": "random", "column": "day"}},
        {"prepare": "prepare"},
        {"prepare": "../features:build"},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_value_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert refusal(tmp_path, ride_spec(**changes)).code == "value-invalid"


def test_shares_and_days_read_as_people_write_them(tmp_path: Path) -> None:
    project = load(tmp_path, ride_spec(contract={"quarantine_budget": "2.5%"}, score={"lookback": "2w"},
                                       split={"column": "day", "test": date(2024, 4, 1)}))  # fmt: skip
    assert project.contract.quarantine_budget == 0.025
    assert project.score.lookback == 14
    assert project.split.test == date(2024, 4, 1)


def test_an_average_of_an_undeclared_model_is_refused(tmp_path: Path) -> None:
    spec = ride_spec(candidates=[{"model": "logistic"}, {"average": ["logistic", "hist_gradient_boosting"]}])
    assert refusal(tmp_path, spec).code == "name-undeclared"


def test_a_join_starts_at_the_first_source(tmp_path: Path) -> None:
    assert refusal(tmp_path, zoned_spec(left="zones", right="rides")).code == "name-undeclared"


def test_the_rule_may_not_be_made_of_what_is_known_later(tmp_path: Path) -> None:
    spec = ride_spec(sources=ride_source(known_later="zone"))
    assert refusal(tmp_path, spec).code == "features-forbidden"


def test_a_target_column_is_withheld_and_a_target_function_is_a_role(tmp_path: Path) -> None:
    spec = ride_spec(sources=ride_source(known_later="rain"))
    assert load(tmp_path, spec).withheld == ("rain", "tipped")
    made = load(tmp_path, spec | {"target": "features:tipped"})
    assert (made.withheld, made.functions["target"], made.target_column) == (("rain",), "features:tipped", "tipped")


def test_a_project_is_found_by_name_by_folder_and_by_file(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "rides")
    for name in ("rides", str(folder), str(folder / "project.yaml")):
        assert load_project(name, tmp_path).file == folder / "project.yaml"


def test_a_project_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).target = "other"  # type: ignore[misc]
