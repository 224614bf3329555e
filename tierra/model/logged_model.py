"""The model that serves as MLflow keeps one: its very bytes, and what the loaders and servers of MLflow read beside."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import mlflow
import yaml
from mlflow.models import Model, ModelSignature

from tierra.model.champions import MODEL_FILE

REQUIREMENTS: Final = "requirements.txt"
ENVIRONMENT: Final = {"virtualenv": "python_env.yaml", "conda": "conda.yaml"}


@dataclass(frozen=True)
class LoggedModel:
    """What `mlflow.models.Model.log` calls a flavor: a folder for `mlflow.sklearn.load_model` and `mlflow.pyfunc`.

    `mlflow.sklearn.log_model` would write the model anew, read it back, and look through all that is installed.
    """

    data: bytes
    signature: ModelSignature
    trusted: Sequence[str]
    libraries: Mapping[str, str]

    def log(self) -> Any:
        """Log it to the active run; MLflow's word of where it is."""
        return Model.log(artifact_path=None, name="model", flavor=self, flavor_name="sklearn")

    def save_model(self, path: str, mlflow_model: Model) -> None:
        """Write the folder; MLflow calls this."""
        folder = Path(path)
        folder.mkdir()
        (folder / MODEL_FILE).write_bytes(self.data)
        self._describe(mlflow_model)
        mlflow_model.save(str(folder / "MLmodel"))
        requirements = [f"{name}=={version}" for name, version in self._all_libraries.items()]
        (folder / REQUIREMENTS).write_text("\n".join(requirements))
        for kind, content in _environments(requirements).items():
            (folder / ENVIRONMENT[kind]).write_text(yaml.safe_dump(content, sort_keys=False))

    def _describe(self, logged: Model) -> None:
        logged.signature, logged.model_size_bytes = self.signature, len(self.data)
        logged.add_flavor(
            "python_function", loader_module="mlflow.sklearn", model_path=MODEL_FILE, predict_fn="predict",
            python_version=platform.python_version(), env=ENVIRONMENT,
        )  # fmt: skip
        logged.add_flavor(
            "sklearn", pickled_model=MODEL_FILE, sklearn_version=self.libraries["scikit-learn"], code=None,
            serialization_format="skops", skops_trusted_types=list(self.trusted),
        )  # fmt: skip

    @property
    def _all_libraries(self) -> dict[str, str]:
        return {"mlflow": mlflow.__version__, **self.libraries}


def _environments(requirements: list[str]) -> dict[str, dict[str, Any]]:
    """What MLflow makes an environment from, to serve the model by itself."""
    python = platform.python_version()
    return {
        "virtualenv": {"python": python, "build_dependencies": ["pip"], "dependencies": [f"-r {REQUIREMENTS}"]},
        "conda": {"name": "mlflow-env", "channels": ["conda-forge"],
                  "dependencies": [f"python={python}", "pip", {"pip": requirements}]},
    }  # fmt: skip
