"""Writing what MLflow shows: runs, versions, and the alias that says what serves. The store decides who does."""

import hashlib
import json
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.entities import Metric, Param
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from tierra.errors import Broken, Misconfigured
from tierra.journal import warn
from tierra.model.artifact import ALLOWED_TYPES
from tierra.model.champions import MODEL_FILE
from tierra.model.difference import signed
from tierra.model.gate_checks import HEADS
from tierra.model.logged_model import LoggedModel
from tierra.model.own import types_of
from tierra.model.release import Release, Version
from tierra.model.search_found import SearchDone, TrialDone
from tierra.model.tracking import RELEASE, MlflowClient, answering, find_aliased, open_client
from tierra.model.view import ALIAS, is_server
from tierra.temporary import prefix

SIGNATURE_ROWS = 1000
PARENT = "mlflow.parentRunId"
GATE_TABLE = "gate.json"
SHOWN_AS_TABLE = json.dumps([{"path": GATE_TABLE, "type": "table"}])  # as `mlflow.log_table` says it
OLD_RUNS = 5000  # at a time; the next collection takes the others


class Recorder:
    """MLflow, for writing, at an address; files of models lie in `artifacts` unless a server keeps them."""

    def __init__(self, uri: str, artifacts: Path) -> None:
        self._uri = uri
        self._artifacts = None if is_server(uri) else artifacts

    @cached_property
    def _client(self) -> MlflowClient:
        return open_client(self._uri)

    def count_runs(self, project: str) -> int:
        """How many runs of a project are recorded."""
        with answering():
            return len(self._client.search_runs([self._experiment(project)], max_results=50_000))

    def old_runs(self, project: str, before: datetime, kept: Collection[str]) -> list[str]:
        """The runs of a project that began before then and registered no version; those in `kept` are left out."""
        with answering():
            found = self._client.get_experiment_by_name(project)
            if found is None or found.lifecycle_stage == "deleted":
                return []
            versions = {each.run_id for each in self._client.search_model_versions(f"name = '{project}'")}
            began = f"attributes.start_time < {int(before.timestamp() * 1000)}"
            runs = self._client.search_runs([found.experiment_id], began, max_results=OLD_RUNS)
            return [run.info.run_id for run in runs if run.info.run_id not in versions.union(kept)]

    def delete_runs(self, runs: Iterable[str]) -> None:
        """Delete runs as MLflow's pages do: until `mlflow gc` they can be restored."""
        with answering():
            for run in runs:
                self._client.delete_run(run)

    def record(self, release: Release) -> str:
        """Keep a run that did not win: its parameters, metrics and verdict, once for the same inputs; its id."""
        with answering():
            for known in self._runs(release):
                return str(known.info.run_id)
            with self._run(release) as run:
                return str(run.info.run_id)

    def register(self, release: Release, model: Any, sample: pd.DataFrame, files: Mapping[str, bytes]) -> Version:
        """A version of the model with its release, run and code; it does not decide who serves.

        `files` are the model and the code as the store keeps them, by `stored_files` of champions.py.
        A version of the same release, left by a run that died, is taken up again, not made twice.
        """
        with answering():
            version = self._version(release) or self._create(release, model, sample, files)
            run = self._client.get_run(version.run_id).info
            return Version(version=str(version.version), run_id=run.run_id, experiment_id=str(run.experiment_id))

    def record_trials(self, project: str, run_id: str, searches: Sequence[SearchDone]) -> None:
        """Keep every trial of the searches as a run nested in a run, once; what is said of a trial in one batch."""
        with answering():
            experiment, inside = self._experiment(project), f"tags.`{PARENT}` = '{run_id}'"
            known = {each.info.run_name for each in self._client.search_runs([experiment], inside, max_results=50_000)}
            for search in searches:
                for each in search.trials:
                    if (name := f"{search.candidate}-{each.number}") not in known:
                        self._record_trial(experiment, run_id, name, search, each)

    def _record_trial(self, experiment: str, run_id: str, name: str, search: SearchDone, trial: TrialDone) -> None:
        tags = {PARENT: run_id, "candidate": search.candidate, "engine": search.engine, "state": trial.state}
        run = self._client.create_run(experiment, run_name=name, tags=tags)
        params = [Param(key, str(value)) for key, value in trial.params.items()]
        sign = signed(search.metric, 1.0)  # values are better when higher, metrics as they are written
        measured = {"seconds": trial.seconds, **({} if trial.value is None else {search.metric: sign * trial.value})}
        now = int(time.time() * 1000)
        self._client.log_batch(run.info.run_id, [Metric(key, value, now, 0) for key, value in measured.items()], params)
        self._client.set_terminated(run.info.run_id, "FAILED" if trial.state == "failed" else "FINISHED")

    def shown(self, project: str) -> dict[str, str]:
        """The version that the alias names, by the project; nothing when it names none."""
        found = find_aliased(self._client, project)
        return {project: found.version} if found else {}

    def show(self, project: str, version: str) -> None:
        """Let the alias name the version that serves. Raises Unavailable, also where MLflow does not know it."""
        with answering():
            self._client.set_registered_model_alias(project, ALIAS, version)

    def _create(self, release: Release, model: Any, sample: pd.DataFrame, files: Mapping[str, bytes]) -> ModelVersion:
        with self._run(release) as run:
            signature = mlflow.models.infer_signature(sample.head(SIGNATURE_ROWS), model.predict(sample.head(2)))
            if not signature.inputs or list(signature.inputs.input_names()) != list(sample.columns):
                raise Broken("signature-missing", f"{release.project}: MLflow made no signature of the features")
            trusted = sorted({*ALLOWED_TYPES, *types_of(release.own)})
            info = LoggedModel(files[MODEL_FILE], signature, trusted, release.libraries).log()
            _log_release(release, {name: data for name, data in files.items() if name != MODEL_FILE})
            return self._named(release, info, run.info.run_id)

    def _named(self, release: Release, info: Any, run_id: str) -> ModelVersion:
        tags = {
            "candidate": release.candidate,
            "verdict.passed": str(release.verdict.passed).lower(),
            "verdict.reasons": " | ".join(release.verdict.reasons),
            "model_sha256": release.model_sha256,
            **_identity(release),
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
        tags = {
            "inputs": release.inputs,
            "candidate": release.candidate,
            "verdict": release.verdict.model_dump_json(exclude={"checks"}),
        }
        tags |= {f"dataset.{name}": sha256 for name, sha256 in release.datasets.items()}
        tags |= {"reason": release.reason} if release.reason else {}
        tags |= {"mlflow.loggedArtifacts": SHOWN_AS_TABLE} if release.verdict.checks else {}
        with mlflow.start_run(experiment_id=self._experiment(release.project), run_name=release.candidate, tags=tags):
            mlflow.log_params({"candidate": release.candidate, "gate.metric": release.metric, "rows": release.rows})
            mlflow.log_metrics({f"test.{name}": value for name, value in release.metrics.items()})
            mlflow.log_metrics({f"rule.{name}": value for name, value in release.rule_metrics.items()})
            if lines := [each.cells for each in release.verdict.checks]:
                mlflow.log_dict({"columns": HEADS, "data": lines}, GATE_TABLE)
            yield mlflow.active_run()

    def _experiment(self, project: str) -> str:
        found = self._client.get_experiment_by_name(project)
        location = (self._artifacts / project).as_uri() if self._artifacts else None
        if found and found.lifecycle_stage == "deleted":
            which = f"experiment '{project}' (number {found.experiment_id})"
            raise Misconfigured("experiment-deleted", f"MLflow's {which} is deleted, and its name is taken")
        if found and location and found.artifact_location != location:
            warn(f"MLflow keeps the files of '{project}' in {found.artifact_location}, outside this home: it is a copy")
        return str(found.experiment_id if found else self._client.create_experiment(project, location))

    def _runs(self, release: Release) -> list[Any]:
        found = f"tags.inputs = '{release.inputs}'"
        return list(self._client.search_runs([self._experiment(release.project)], found, max_results=1))

    def _version(self, release: Release) -> ModelVersion | None:
        found, same = self._client.search_model_versions(f"name = '{release.project}'"), _identity(release).items()
        return next((version for version in found if same <= version.tags.items()), None)


def _identity(release: Release) -> dict[str, str]:
    """The tags by which a version is known again."""
    return {"inputs": release.inputs, "release_sha256": hashlib.sha256(release.text).hexdigest()}


def _log_release(release: Release, files: Mapping[str, bytes]) -> None:
    texts = {"release.json": release.text, "project.yaml": release.project_file.encode(),
             "verdict.json": json.dumps(release.verdict.model_dump(), indent=1).encode()}  # fmt: skip
    with tempfile.TemporaryDirectory(prefix=prefix()) as folder:
        for name, data in {**texts, **files}.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        mlflow.log_artifacts(folder, RELEASE)
