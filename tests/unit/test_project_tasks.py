"""What a project file says of its task must fit the task; each newer key has good values and bad ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.builders import ride_source, ride_spec, write_project
from tierra.data.labels import Labels
from tierra.errors import Misconfigured
from tierra.model.artifact import Predictions
from tierra.model.scoring import published_columns
from tierra.model.spec import METRICS
from tierra.project.project import Project, load_project

TASKLESS = {"gate": None, "candidates": None}
AT_RANDOM = {"by": "random", "validation": 0.2, "test": 0.2}


def load(folder: Path, **changes: Any) -> Project:
    return load_project(str(write_project(folder / "rides", ride_spec(**{**TASKLESS, **changes}))))


def refused(folder: Path, **changes: Any) -> Misconfigured:
    with pytest.raises(Misconfigured) as caught:
        load(folder, **changes)
    return caught.value


def test_a_source_can_be_named_by_its_file_alone(tmp_path: Path) -> None:
    write_project(tmp_path / "rides", "project: rides\nsource: rides.csv\ntarget: tipped\n")
    project = load_project(str(tmp_path / "rides"))
    assert (project.main, project.main_source.path, project.main_source.key) == ("rides", "rides.csv", ())
    assert (project.split.by, project.split.validation, project.split.test) == ("stratified", 0.2, 0.2)
    assert project.task is None


@pytest.mark.parametrize(
    "text", ["source: rides.csv\nsources: {rides: {kind: file, path: x.csv}}", "source: [a.csv]", ""]
)
def test_a_source_is_one_file_or_tables_by_name_and_one_of_them(tmp_path: Path, text: str) -> None:
    write_project(tmp_path / "rides", f"project: rides\n{text}\ntarget: tipped\n")
    with pytest.raises(Misconfigured):
        load_project(str(tmp_path / "rides"))


@pytest.mark.parametrize(
    ("task", "names"),
    [("binary", ["rule", "logistic", "shallow_boosting", "hist_gradient_boosting", "neural_network", "selection"]),
     ("multiclass", ["rule", "logistic", "shallow_boosting", "hist_gradient_boosting", "neural_network", "selection"]),
     ("regression", ["rule", "ridge", "shallow_boosting", "hist_gradient_boosting", "neural_network", "selection"])],
)  # fmt: skip
def test_each_task_has_its_candidates_and_its_metric(tmp_path: Path, task: Any, names: list[str]) -> None:
    settled = load(tmp_path, effort="normal", split=AT_RANDOM).for_task(task)
    assert [each.name for each in settled.candidates] == names
    assert settled.gate.metric == next(iter(METRICS[task]))
    assert settled.task == task


def test_effort_decides_which_candidates_there_are_and_reasons_leave_out_what_has_none(tmp_path: Path) -> None:
    def named(**keys: Any) -> list[str]:
        return [each.name for each in load(tmp_path, **keys).for_task("binary").candidates or ()]

    assert named(effort="quick") == ["rule", "logistic", "shallow_boosting", "selection"]
    most = named(effort="high", split=AT_RANDOM)
    assert most[-3:] == ["neural_network", "extra_trees", "selection"]
    without = [name for name in most if name != "neural_network"]
    assert named(effort="high", split=AT_RANDOM, score={"reasons": 2}) == without
    assert named(effort="high") == without  # rides are split by time


def test_the_rule_is_first_and_averages_are_last(tmp_path: Path) -> None:
    candidates = [{"average": ["logistic", "random_forest"]}, {"model": "random_forest"}, {"model": "logistic"}]
    settled = load(tmp_path, candidates=candidates).for_task("binary")
    assert [each.name for each in settled.candidates] == ["rule", "random_forest", "logistic", "average"]


UNFIT: dict[str, tuple[str, dict[str, Any]]] = {
    "metric of numbers": ("binary", {"gate": {"metric": "rmse"}}),
    "metric of classes": ("regression", {"gate": {"metric": "roc_auc"}}),
    "metric of two classes": ("multiclass", {"gate": {"metric": "brier"}}),
    "reported metric": ("regression", {"metrics": ["accuracy"]}),
    "ridge": ("binary", {"candidates": [{"model": "ridge"}]}),
    "logistic": ("regression", {"candidates": [{"model": "logistic"}]}),
    "class weight": ("regression", {"candidates": [{"model": "random_forest", "class_weight": "balanced"}]}),
    "rule function": ("multiclass", {"candidates": [{"rule": "features:by_hand"}]}),
    "prediction of classes": ("binary", {"score": {"columns": ["prediction"]}}),
    "probability of a number": ("regression", {"score": {"columns": ["probability"]}}),
    "costs": ("multiclass", {"card": {"cost": {"false_alarm": 1, "missed": 2}}}),
    "costs of a number": ("regression", {"card": {"cost": {"false_alarm": 1, "missed": 2}}}),
    "positive": ("regression", {"positive": "yes"}),
}


@pytest.mark.parametrize(("task", "changes"), UNFIT.values(), ids=UNFIT)
def test_what_does_not_fit_the_task_is_refused_when_stated_and_when_found(
    tmp_path: Path, task: Any, changes: dict[str, Any]
) -> None:
    stated = refused(tmp_path, task=task, **changes)
    assert stated.code == "task-mismatch"
    assert f"the task is {task}" in stated.what
    assert "project.yaml:" in stated.what
    with pytest.raises(Misconfigured, match="task-mismatch"):
        load(tmp_path, **changes).for_task(task)


@pytest.mark.parametrize("key", ["probability", "decision"])
def test_a_key_is_not_called_like_what_is_published(tmp_path: Path, key: str) -> None:
    assert refused(tmp_path, task="binary", sources=ride_source(key=key)).code == "columns-conflict"
    assert load(tmp_path, task="regression", sources=ride_source(key=key)).main_source.key == (key,)


GOOD: list[dict[str, Any]] = [
    {"task": "multiclass"},
    {"positive": 1}, {"positive": True}, {"positive": "yes"},
    {"weight": "km"}, {"slices": "zone"}, {"slices": ["zone", "rain"]},
    {"metrics": ["neg_log_loss", "balanced_accuracy"]},
    {"gate": {"metric": "neg_mean_squared_error"}},
    {"contract": {"leaks": "stop"}},
    {"split": {"by": "group", "column": "zone", "test": "15%"}},
    {"split": {"by": "random", "seed": 7}},
    {"split": {"by": "time", "column": "day", "validation": "20%", "test": "30d"}},
    {"preprocessing": {"impute": "median", "scale": "robust", "outliers": "flag", "rare": 5, "most_categories": 50,
                       "text": "80%", "columns": {"zone": {"order": ["A", "B"]}, "km": {"outliers": "clip"}}}},
    {"preprocessing": {"columns": {"size": {"order": [1, 2, 3]}}}},
    {"candidates": [{"model": "logistic", "name": "loose", "params": {"C": 1}}, {"model": "logistic"}]},
    {"candidates": [{"model": "sklearn.svm.SVC"}]},
    {"candidates": [{"model": "random_forest", "class_weight": {"yes": 2, 0: 1}}]},
    {"score": {"columns": ["decision"]}},
]  # fmt: skip
BAD: list[tuple[dict[str, Any], str]] = [
    ({"task": "clustering"}, "value-invalid"),
    ({"positive": [1]}, "value-invalid"),
    ({"slices": 3}, "value-invalid"),
    ({"metrics": ["gini"]}, "metric-unknown"),
    ({"contract": {"leaks": "ignore"}}, "value-invalid"),
    ({"split": {"by": "group"}}, "value-invalid"),
    ({"split": {"by": "stratified", "column": "zone"}}, "value-invalid"),
    ({"split": {"by": "random", "test": "30d"}}, "value-invalid"),
    ({"split": {"by": "random", "until": "2024-01-01"}}, "value-invalid"),
    ({"split": {"by": "random", "seed": -1}}, "value-invalid"),
    ({"split": {"by": "random", "test": "100%"}}, "value-invalid"),
    ({"split": {"test": "30d"}, "sources": ride_source(partition_by=None)}, "value-invalid"),
    ({"split": {"until": "2024-01-01"}, "sources": ride_source(partition_by=None)}, "value-invalid"),
    ({"split": {"by": "time", "seed": 4}}, "value-invalid"),
    ({"split": {"seed": 4}}, "value-invalid"),
    ({"split": {"by": "random", "test": "0%"}}, "value-invalid"),
    ({"split": {"by": "random", "test": "85%"}}, "value-invalid"),
    ({"split": {"validation": "50%", "test": "50%"}}, "value-invalid"),
    ({"preprocessing": {"impute": "zero"}}, "value-invalid"),
    ({"preprocessing": {"impute": "constant"}}, "value-invalid"),
    ({"preprocessing": {"outliers": "clip", "fence": "isolation_forest"}}, "value-invalid"),
    ({"preprocessing": {"interactions": [["km"]]}}, "value-invalid"),
    ({"preprocessing": {"interactions": [["km", "km"]]}}, "value-invalid"),
    ({"preprocessing": {"columns": {"km": {"transformer": "features:lower"}}}}, "value-invalid"),
    ({"preprocessing": {"columns": {"km": {"kind": "text", "encode": "target"}}}}, "value-invalid"),
    ({"preprocessing": {"rare": 0}}, "value-invalid"),
    ({"preprocessing": {"most_categories": 1}}, "value-invalid"),
    ({"preprocessing": {"columns": {"km": {"outlier": "clip"}}}}, "key-unknown"),
    ({"preprocessing": {"columns": {"km": {"kind": "words"}}}}, "value-invalid"),
    ({"candidates": [{"model": "sklearn.svm"}]}, "value-invalid"),
    ({"candidates": [{"model": "torch.nn.Linear"}]}, "value-invalid"),
    ({"candidates": [{"model": "logistic", "class_weight": "heavy"}]}, "value-invalid"),
    ({"candidates": [{"model": "logistic"}, {"model": "ridge", "name": "logistic"}]}, "value-invalid"),
    ({"candidates": [{"average": ["logistic"]}]}, "value-invalid"),
    ({"candidates": [{"model": "logistic"}, {"average": ["logistic", "logistic"]}]}, "value-invalid"),
    ({"score": {"columns": ["chance"]}}, "value-invalid"),
    ({"weight": "km", "features": ["km"]}, "features-forbidden"),
]


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_a_good_value_loads(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert load(tmp_path, **changes)


@pytest.mark.parametrize(("changes", "code"), BAD, ids=str)
def test_a_bad_value_is_refused(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    assert refused(tmp_path, **changes).code == code


def test_a_weight_is_withheld_from_the_features_and_a_weight_function_is_a_role(tmp_path: Path) -> None:
    assert load(tmp_path, weight="km").withheld == ("tipped", "km")
    assert load(tmp_path, weight="features:heavy").functions == {"weight": "features:heavy"}


PUBLISHED: dict[str, tuple[Labels, Predictions, dict[str, list[Any]]]] = {
    "binary": (Labels(classes=("no", "yes")), Predictions(np.array([0.2, 0.9]), np.array([0, 1], np.int8)),
               {"probability": [0.2, 0.9], "decision": [0, 1]}),
    "multiclass": (Labels(task="multiclass", classes=("a", "Ñ b")),
                   Predictions(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 0])),
                   {"probability_a": [0.2, 0.6], "probability_Ñ b": [0.8, 0.4], "decision": ["Ñ b", "a"]}),
    "regression": (Labels(task="regression", classes=()), Predictions(np.array([1.5, -2.0]), np.array([1.5, -2.0])),
                   {"prediction": [1.5, -2.0]}),
}  # fmt: skip


@pytest.mark.parametrize(("labels", "said", "columns"), PUBLISHED.values(), ids=PUBLISHED)
def test_what_is_published_follows_the_task(labels: Labels, said: Predictions, columns: dict[str, Any]) -> None:
    assert pa.table(published_columns(said, labels, None)).to_pydict() == columns


def test_only_what_is_asked_for_is_published() -> None:
    for task, kept in (("binary", ["decision"]), ("multiclass", ["probability_a", "probability_Ñ b"])):
        labels, said, _ = PUBLISHED[task]
        asked = ("decision",) if task == "binary" else ("probability",)
        assert list(published_columns(said, labels, asked)) == kept
