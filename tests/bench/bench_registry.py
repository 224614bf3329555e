"""One MLflow run with its model, once MLflow is warm."""

from itertools import count
from pathlib import Path

from tests.bench.measure import here, hold, interleaved, show
from tests.champions import fit_project
from tierra.model.recorder import Recorder

LIMIT = 1.0


def test_a_run_and_its_model_are_registered_within_a_second(tmp_path: Path) -> None:
    fitted, numbers = fit_project(tmp_path / "rides"), count()
    recorder = Recorder(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "mlflow-artifacts")

    def register() -> str:
        release = fitted.of(f"inputs {next(numbers)}")
        version = recorder.register(release, fitted.model, fitted.table, fitted.files).version
        recorder.show("rides", version)
        return version

    assert register() == "1"
    costs = interleaved({"run, model, version, alias": lambda: here(register)})
    show("MLflow, warm", costs)
    assert register() == "7"
    hold("MLflow run, model, version, alias, warm, wall", costs["run, model, version, alias"].wall, LIMIT, unit=" s")
