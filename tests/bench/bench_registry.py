"""One MLflow run with its model, once MLflow is warm."""

from itertools import count
from pathlib import Path

from tests.bench.measure import here, hold, interleaved, show
from tests.integration.test_registry import fit_project
from tierra.model.recorder import Recorder

LIMIT = 1.0


def test_a_run_and_its_model_are_registered_within_a_second(tmp_path: Path) -> None:
    fitted, recorder, numbers = fit_project(tmp_path / "rides"), Recorder(tmp_path / "var"), count()
    fitted.register(recorder, "the first")
    costs = interleaved(
        {"run, model, version, alias": lambda: here(lambda: fitted.register(recorder, f"inputs {next(numbers)}"))}
    )
    show("MLflow, warm", costs)
    assert recorder.champion("rides").version == "6"  # type: ignore[union-attr]
    hold("MLflow run, model, version, alias, warm, wall", costs["run, model, version, alias"].wall, LIMIT, unit=" s")
