"""A search tries parameters on the folds, counts what came to an end, and is taken up where a run before stopped."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression

from tests.builders import ride_spec, rides
from tests.cases import each
from tests.unit.test_project import load, refusal
from tierra.data.folds import Fold
from tierra.data.labels import Labels
from tierra.errors import Misconfigured
from tierra.model.estimators import build_model
from tierra.model.examples import Examples
from tierra.model.preprocessing_spec import Preprocessing
from tierra.model.search import Plan, best_of, finished, importance_of, run_trials, take_up
from tierra.model.search_found import SearchDone, TrialDone
from tierra.model.search_problem import Problem
from tierra.model.search_spec import SPACES, Search, Searched
from tierra.model.spec import BUILT_IN_MODELS, Model
from tierra.processes import SERVER
from tierra.steps.search import with_found

LABELS = Labels(classes=("no", "yes"))
SEARCH: TypeAdapter[Search] = TypeAdapter(Searched)


def problem(model: str = "logistic", folds: int = 3, **params: Any) -> Problem:
    table, number = rides(600), np.arange(600) % folds
    rows = Examples(table[["km", "rain", "zone"]], (table["tipped"] == "yes").to_numpy(float), LABELS)
    cut = [Fold(np.flatnonzero(number != one), np.flatnonzero(number == one)) for one in range(folds)]
    return Problem(Model(model=model, params=params), rows, cut, "roc_auc", Preprocessing(), Path())


def plan(folder: Path, search: Search, wanted: Problem | None = None) -> Plan:
    return Plan(wanted or problem(), search, search.space_of("logistic") or {}, folder / "study.log")


def go(made: Plan, trials: int) -> list[TrialDone]:
    return list(run_trials(made, SERVER.Semaphore(trials), 0))


def test_a_search_is_a_number_of_trials_or_a_mapping(tmp_path: Path) -> None:
    assert SEARCH.validate_python(7) == Search(trials=7)
    project = load(
        tmp_path, ride_spec(candidates=[{"model": "logistic", "search": {"space": {"C": {"low": 1, "high": 9}}}}])
    )
    search = project.candidates[0].search
    assert search.space["C"].is_whole
    cases = [
        ({"space": {"C": {"low": 2, "high": 1}}}, "`low` must be below `high`"),
        ({"space": {"C": {"low": 0, "high": 1, "log": True}}}, "`low` must be over 0"),
        ({"space": {"C": 3}}, "a list of values, or {low: NUMBER"),
        ({"engine": "grid"}, "'optuna', 'ray-optuna' or 'ray-hyperopt'"),
        (0, "greater than or equal to 1"),
    ]

    def check(value: Any, words: str) -> None:
        assert words in refusal(tmp_path, ride_spec(candidates=[{"model": "logistic", "search": value}])).what

    each(cases, check)


def test_each_built_in_model_has_a_space_that_it_can_be_fitted_in() -> None:
    assert set(SPACES) == set(BUILT_IN_MODELS)

    def check(name: str) -> None:
        labels = Labels(task="regression", classes=()) if name == "ridge" else LABELS
        lowest = {key: values[0] if isinstance(values, tuple) else values.low for key, values in SPACES[name].items()}
        if name in ("lightgbm", "xgboost"):
            pytest.importorskip(name)
        built = build_model(Model(model=name, params=lowest), labels, np.arange(40.0) % 2).get_params()
        assert {key: built[key] for key in lowest} == lowest

    each(list(SPACES), check)


def test_the_first_trial_is_what_the_candidate_is_without_a_search(tmp_path: Path) -> None:
    made = plan(tmp_path, Search(trials=4))
    start = take_up(made)
    assert (start.before, start.cut_off, start.points) == ([], 0, [{"C": 0.3}])
    done = go(made, 4)
    assert done[0].params["C"] == 0.3
    assert len(finished(made.open())) == 4
    assert best_of(done, "logistic").value == max(found.value or 0 for found in done)
    assert all(0.001 <= found.params["C"] <= 100 for found in done)


def test_finished_trials_are_reused_and_one_that_was_killed_is_tried_again(tmp_path: Path) -> None:
    made = plan(tmp_path, Search(trials=5))
    take_up(made)
    go(made, 2)
    cut_off = made.open().ask(fixed_distributions=made.distributions)  # what a kill leaves: RUNNING for ever
    start = take_up(made)
    assert (len(start.before), start.cut_off) == (2, 1)
    left = go(made, 5 - len(start.before))
    assert left[0].params == cut_off.params
    assert len(finished(made.open())) == 5
    assert take_up(made).cut_off == 0


def test_a_trial_that_fails_is_counted_and_says_why(tmp_path: Path) -> None:
    search = Search(space={"solver": ("no_such",)})
    made = Plan(problem(), search, search.space_of("logistic") or {}, tmp_path / "study.log")
    take_up(made)
    done = go(made, 2)
    assert [found.state for found in done] == ["failed", "failed"]
    with pytest.raises(Misconfigured, match=r"no trial of 2 gave a metric: The .*no_such"):
        best_of(done, "logistic")


def test_pruning_ends_what_is_worse_than_most_after_a_fold(tmp_path: Path) -> None:
    values = iter([0.9] * 6 + [0.1] * 4)

    class Staged(Problem):
        def value(self, params: Any, goes_on: Any) -> tuple[float, bool]:
            value = next(values)
            return value, all(goes_on(fold, value) for fold in range(2))

    staged = Staged(**vars(problem()))
    states = [found.state for found in go(plan(tmp_path, Search(), staged), 10)]
    assert states == ["complete"] * 6 + ["pruned"] * 4
    values = iter([0.9] * 6 + [0.1] * 4)
    never = plan(tmp_path / "never", Search(pruning=False), staged)
    (tmp_path / "never").mkdir()
    assert {found.state for found in go(never, 10)} == {"complete"}


def test_time_that_is_over_leaves_trials_to_the_next_run(tmp_path: Path) -> None:
    made = plan(tmp_path, Search(trials=5))
    over = Plan(made.problem, made.search, made.space, made.journal, until=0.0)
    assert go(over, 5) == []
    done = SearchDone(candidate="logistic", engine="optuna", metric="roc_auc", wanted=5, params={}, value=0.7,
                      trials=(TrialDone(number=0, params={}, state="complete"),), reused=1, again=1)  # fmt: skip
    assert done.line == (
        "logistic: 1 trials with optuna (1 complete), 1 of them finished by a run before, 1 that had been cut off were"
        " tried again; 4 are left to the next run"
    )


def test_importance_names_what_matters(tmp_path: Path) -> None:
    search = Search(space={"C": SPACES["logistic"]["C"], "tol": (1e-4, 1.1e-4)})
    made = Plan(problem(), search, search.space or {}, tmp_path / "study.log")
    assert importance_of(made) == {}
    go(made, 12)
    found = importance_of(made)
    assert found["C"] > found["tol"]


def test_what_is_measured_is_the_metric_of_the_rows_held_out() -> None:
    wanted, seen = problem(), []
    value, is_whole = wanted.value({"C": 2.0}, lambda fold, so_far: seen.append(fold) or True)
    assert (seen, is_whole) == ([0, 1], True)
    assert 0.6 < value < 0.8
    assert wanted.value({"C": 2.0}, lambda fold, so_far: False)[1] is False
    assert isinstance(build_model(wanted.candidate, LABELS, wanted.rows.target), LogisticRegression)


def test_a_balanced_candidate_takes_the_parameters_of_the_one_that_was_searched(tmp_path: Path) -> None:
    spec = ride_spec(balance=["over"], candidates=[{"model": "logistic", "search": 3, "params": {"max_iter": 50}}])
    project = load(tmp_path, spec).for_task("binary")
    done = SearchDone(candidate="logistic", engine="optuna", metric="roc_auc", wanted=3, params={"C": 7.0}, value=0.7,
                      trials=())  # fmt: skip
    found = {each.name: each for each in with_found(project, (done,)).candidates if each.name != "rule"}
    assert {name: each.params for name, each in found.items()} == {
        "logistic": {"max_iter": 50, "C": 7.0},
        "logistic_over": {"max_iter": 50, "C": 7.0},
    }
    assert all(each.search is None for each in found.values())
