"""The registry on MLflow. The only file that knows it.

MLflow's own loader trusts the list of types inside the artifact, so it is never
used: files are fetched, checked against the registered digests and loaded by us.
"""

import atexit
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from tierra.errors import Broken, Misconfigured, TierraError, Unavailable
from tierra.model.release import Champion, Release

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# Stations are retried, and say so; MLflow's own retries take minutes in silence.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException
from sqlalchemy.exc import SQLAlchemyError

logging.getLogger("mlflow").setLevel(logging.WARNING)
ALIAS = "champion"
SIGNATURE_ROWS = 1000
RELEASE = "release"


class Registry:
    """Models, their releases and the champion of each project."""

    def __init__(self, root: Path, uri: str | None = None) -> None:
        root.mkdir(parents=True, exist_ok=True)
        if uri and "://" not in uri:  # MLflow would take it for a folder
            raise Misconfigured("registry-address", f"TIERRA_MLFLOW_URI: {uri} is no address")
        self._uri = uri or f"sqlite:///{root / 'mlflow.db'}"
        self._remote = self._uri.startswith(("http://", "https://"))
        # A server keeps the files of models itself; a database does not.
        self._artifacts = None if self._remote else root / "mlflow-artifacts"
        with _answering():
            mlflow.set_tracking_uri(self._uri)
            self._client = MlflowClient(self._uri, self._uri)

    def champion(self, project: str) -> Champion | None:
        """The version the alias names, its release verified; None before the first."""
        with _answering():
            try:
                version = self._client.get_model_version_by_alias(project, ALIAS)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise
            return self._opened(version)

    def load(self, champion: Champion) -> Any:
        """The champion's model, checked before it is loaded. Raises Broken."""
        # scikit-learn costs seconds, which a run that has nothing to score does not spend.
        from tierra.model.artifact import load_model

        file = self._folder(champion.model_uri, "the model") / "model.skops"
        return load_model(_bytes(file), champion.release.model_sha256, str(file))

    def code_folder(self, champion: Champion) -> Path:
        """The champion's own code files, each checked against its digest. Raises Broken."""
        folder = Path(champion.folder) / "code"
        there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
        if added := sorted(there - set(champion.release.code)):  # it could be imported in place of a library
            raise Broken("code-mismatch", f"{folder / added[0]} was not registered with version {champion.version}")
        for name, sha256 in champion.release.code.items():
            if hashlib.sha256(_bytes(folder / name)).hexdigest() != sha256:
                raise Broken("code-mismatch", f"{folder / name} is not the file version {champion.version} registered")
        return folder

    def count_runs(self, project: str) -> int:
        """How many runs of a project are recorded."""
        with _answering():
            return len(self._client.search_runs([self._experiment(project)], max_results=50_000))

    def record(self, release: Release) -> str:
        """Keep a run that did not win: its parameters, metrics and verdict, once for the same inputs; its id."""
        with _answering():
            for known in self._runs(release):
                return str(known.info.run_id)
            with self._run(release) as run:
                return str(run.info.run_id)

    def register(self, release: Release, model: Any, sample: pd.DataFrame, code: dict[str, bytes]) -> Champion:
        """Register a model with its release and make it the champion.

        The alias moves last. A version left by a run that died before that is
        taken up again, not made twice.
        """
        with _answering():
            version = self._version(release) or self._create(release, model, sample, code)
            self._client.set_registered_model_alias(release.project, ALIAS, version.version)
            return self._opened(version)

    def _create(self, release: Release, model: Any, sample: pd.DataFrame, code: dict[str, bytes]) -> ModelVersion:
        from tierra.model.artifact import ALLOWED_TYPES

        with self._run(release) as run:
            signature = mlflow.models.infer_signature(sample.head(SIGNATURE_ROWS), model.predict(sample.head(2)))
            if not signature.inputs or list(signature.inputs.input_names()) != list(sample.columns):
                raise Broken("signature-missing", f"{release.project}: MLflow made no signature of the features")
            info = mlflow.sklearn.log_model(
                model,
                name="model",
                serialization_format="skops",
                skops_trusted_types=sorted(ALLOWED_TYPES),
                signature=signature,
                pip_requirements=[f"{name}=={version}" for name, version in release.libraries.items()],
            )
            file = self._folder(info.model_uri, "the model") / "model.skops"
            final = release.model_copy(update={"model_sha256": hashlib.sha256(_bytes(file)).hexdigest()})
            _log_release(final, code)
            return self._named(final, info, run.info.run_id)

    def _named(self, release: Release, info: Any, run_id: str) -> ModelVersion:
        text = release.model_dump_json()
        tags = {
            "inputs": release.inputs,
            "candidate": release.candidate,
            "verdict.passed": str(release.verdict.passed).lower(),
            "verdict.reasons": " | ".join(release.verdict.reasons),
            "model_sha256": release.model_sha256,
            "release_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "model_uri": info.model_uri,
            **{f"code.{name}": sha256 for name, sha256 in release.code.items()},
            "contract": release.contract,
        }
        try:
            self._client.create_registered_model(release.project)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return self._client.create_model_version(
            release.project, info.model_uri, run_id, tags=tags, model_id=info.model_id
        )

    @contextmanager
    def _run(self, release: Release) -> Iterator[Any]:
        tags = {"inputs": release.inputs, "candidate": release.candidate, "verdict": release.verdict.model_dump_json()}
        tags |= {f"dataset.{name}": sha256 for name, sha256 in release.datasets.items()}
        tags |= {"reason": release.reason} if release.reason else {}
        with mlflow.start_run(experiment_id=self._experiment(release.project), run_name=release.candidate, tags=tags):
            mlflow.log_params({"candidate": release.candidate, "gate.metric": release.metric, "rows": release.rows})
            mlflow.log_metrics({f"test.{name}": value for name, value in release.metrics.items()})
            mlflow.log_metrics({f"rule.{name}": value for name, value in release.rule_metrics.items()})
            yield mlflow.active_run()

    def _experiment(self, project: str) -> str:
        found = self._client.get_experiment_by_name(project)
        location = (self._artifacts / project).as_uri() if self._artifacts else None
        return str(found.experiment_id if found else self._client.create_experiment(project, location))

    def _runs(self, release: Release) -> list[Any]:
        found = f"tags.inputs = '{release.inputs}'"
        return list(self._client.search_runs([self._experiment(release.project)], found, max_results=1))

    def _version(self, release: Release) -> ModelVersion | None:
        found = self._client.search_model_versions(f"name = '{release.project}'")
        return next((version for version in found if version.tags.get("inputs") == release.inputs), None)

    def _opened(self, version: ModelVersion) -> Champion:
        # By its place: MLflow would make a new copy of a runs:/ address at every call.
        info = self._client.get_run(version.run_id).info
        folder = self._folder(f"{info.artifact_uri}/{RELEASE}", "the release")
        text = _bytes(folder / "release.json")
        if hashlib.sha256(text).hexdigest() != version.tags["release_sha256"]:
            raise Broken("artifact-tampered", f"{folder / 'release.json'} is not what version {version.version} says")
        return Champion(
            version=str(version.version),
            run_id=version.run_id,
            model_uri=version.tags["model_uri"],
            folder=str(folder),
            release=Release.model_validate_json(text),
            registered=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
            experiment_id=str(info.experiment_id),
        )

    def _folder(self, uri: str, what: str) -> Path:
        place = tempfile.mkdtemp(dir=_fetched()) if self._remote else None
        try:
            return Path(mlflow.artifacts.download_artifacts(uri, dst_path=place, tracking_uri=self._uri))
        except (MlflowException, OSError) as error:
            with _answering():  # a server that is away has not lost the file
                self._client.search_experiments(max_results=1)
            said = str(error).splitlines()[0]
            raise Broken("artifact-missing", f"{what} at {uri}: {said}") from None


@cache
def _fetched() -> str:
    """A folder for files fetched from a server; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="tierra-")
    atexit.register(folder.cleanup)
    return folder.name


def _log_release(release: Release, code: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="tierra-") as folder:
        root = Path(folder)
        (root / "release.json").write_text(release.model_dump_json())
        (root / "project.yaml").write_text(release.project_file)
        (root / "verdict.json").write_text(json.dumps(release.verdict.model_dump(), indent=1))
        for name, data in code.items():
            (root / "code" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "code" / name).write_bytes(data)
        mlflow.log_artifacts(folder, RELEASE)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Broken("artifact-missing", f"{file}: {error.strerror}") from None


@contextmanager
def _answering() -> Iterator[None]:
    """MLflow's failures as ours: what may pass is transient."""
    try:
        yield
    except TierraError:
        raise
    except (ImportError, UnsupportedModelRegistryStoreURIException) as error:
        raise Misconfigured("registry-address", f"TIERRA_MLFLOW_URI: {str(error).splitlines()[0]}") from None
    except (MlflowException, SQLAlchemyError) as error:
        raise Unavailable("registry-unavailable", f"registry: {str(error).splitlines()[0]}") from error
