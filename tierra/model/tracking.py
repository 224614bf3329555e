"""MLflow, set up for us: loading it costs seconds, so it is imported where it is needed.

Its own loader of models trusts the list of types inside the artifact, so that is never used.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime

from tierra.errors import Broken, Misconfigured, TierraError, Unavailable
from tierra.model.release import Version
from tierra.model.view import ALIAS

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# Stations are retried, and say so; MLflow's own retries take minutes in silence.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")

import mlflow
from mlflow import MlflowClient as MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException
from sqlalchemy.exc import SQLAlchemyError

logging.getLogger("mlflow").setLevel(logging.WARNING)
RELEASE = "release"  # the folder of a run that holds its release
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def open_client(uri: str) -> MlflowClient:
    """A client of the registry; MLflow's own functions use the same from here on. Raises Misconfigured."""
    if "://" not in uri:  # MLflow would take it for a folder
        raise Misconfigured("registry-address", f"TIERRA_MLFLOW_URI: {uri} is no address")
    with answering():
        mlflow.set_tracking_uri(uri)
        return MlflowClient(uri, uri)


class Aliased(Version):
    """The version that the alias names, where its files lie, and the digest its release must have."""

    made: AwareDatetime
    release_files: str
    model_files: str
    release_sha256: str


def find_aliased(client: MlflowClient, project: str) -> Aliased | None:
    """The version of a project that the alias names; None when it names none."""
    with answering():
        try:
            version = client.get_model_version_by_alias(project, ALIAS)
        except MlflowException as error:
            if error.error_code in UNKNOWN:
                return None
            raise
        # The run's files by their place: MLflow would make a new copy of a runs:/ address at every call.
        info = client.get_run(version.run_id).info
        return Aliased(
            version=str(version.version),
            run_id=str(version.run_id),
            experiment_id=str(info.experiment_id),
            made=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
            release_files=f"{info.artifact_uri}/{RELEASE}",
            model_files=client.get_model_version_download_uri(version.name, version.version),
            release_sha256=version.tags.get("release_sha256", ""),
        )


def fetch(client: MlflowClient, uri: str, into: str) -> Path:
    """The files of an artifact, copied into a folder. Raises Broken, Unavailable."""
    try:
        return Path(mlflow.artifacts.download_artifacts(uri, dst_path=into, tracking_uri=client.tracking_uri))
    except (MlflowException, OSError) as error:
        with answering():  # a server that is away has not lost the file
            client.search_experiments(max_results=1)
        raise Broken("artifact-missing", f"{uri}: {str(error).splitlines()[0]}") from None


@contextmanager
def answering() -> Iterator[None]:
    """MLflow's failures as ours: what may pass is transient."""
    try:
        yield
    except TierraError:
        raise
    except (ImportError, UnsupportedModelRegistryStoreURIException) as error:
        raise Misconfigured("registry-address", f"TIERRA_MLFLOW_URI: {str(error).splitlines()[0]}") from None
    except (MlflowException, SQLAlchemyError) as error:
        raise Unavailable("registry-unavailable", f"registry: {str(error).splitlines()[0]}") from error
