"""The train flow's library calls in one plain script: no Prefect, no store, no receipt."""

import json
import sys
from pathlib import Path

from tests.bench.measure import peak_memory
from tierra.environment import QUIET, set_defaults


def main(name: str, file: str) -> None:
    set_defaults(QUIET)
    from tierra.settings import load_settings
    from tierra.trial import try_project
    from tierra.workspace import Workspace

    settings = load_settings()
    trial = try_project(Workspace(settings).project(name), settings, None)
    log_model(settings.root, Path(file))
    print(json.dumps({"end": trial.verdict.winner, "peak": peak_memory()}))


def log_model(root: Path, file: Path) -> None:
    """One MLflow run with a model in it, as a script would end."""
    import mlflow
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    table = pd.read_parquet(file, columns=["km", "rain", "wind"]).head(1_000)
    model = LogisticRegression().fit(table, table["km"] > table["rain"] * 9)
    mlflow.set_tracking_uri(f"sqlite:///{root / 'mlflow.db'}")
    if not mlflow.get_experiment_by_name("plain"):
        mlflow.create_experiment("plain", artifact_location=(root / "plain").as_uri())
    mlflow.set_experiment("plain")
    with mlflow.start_run():
        mlflow.log_metrics({"roc_auc": 0.5})
        signature = mlflow.models.infer_signature(table, model.predict(table.head(2)))
        mlflow.sklearn.log_model(
            model, name="model", serialization_format="skops", signature=signature, pip_requirements=["scikit-learn"],
            registered_model_name="plain",
        )  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
