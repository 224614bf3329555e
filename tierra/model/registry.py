"""What serves: the champion of each project, every file of it checked against its registered digest.

Of a registry in a database with its files on a disk nothing is read through MLflow.
"""

import atexit
import hashlib
import tempfile
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tierra.errors import Broken, Misconfigured
from tierra.model.champions import Pointer, find_pointer
from tierra.model.release import Champion, Release

if TYPE_CHECKING:
    from tierra.model.tracking import MlflowClient

RELEASE = "release"


class Registry:
    """The champions, for reading. A `Recorder` writes them."""

    def __init__(self, root: Path, uri: str | None = None) -> None:
        root.mkdir(parents=True, exist_ok=True)
        if uri and "://" not in uri:  # MLflow would take it for a folder
            raise Misconfigured("registry-address", f"TIERRA_MLFLOW_URI: {uri} is no address")
        self._uri = uri or f"sqlite:///{root / 'mlflow.db'}"
        self._remote = self._uri.startswith(("http://", "https://"))

    def champion(self, project: str) -> Champion | None:
        """The version the alias names, its release verified; None before the first."""
        found = self._ask(project) if self._remote else find_pointer(self._uri, project)
        return self._opened(found) if found else None

    def load(self, champion: Champion) -> Any:
        """The champion's model, checked before it is loaded. Raises Broken."""
        # scikit-learn costs seconds, which a run that has nothing to score does not spend.
        from tierra.model.artifact import load_model

        file = self._folder(champion.model_uri) / "model.skops"
        return load_model(read(file), champion.release.model_sha256, str(file))

    def code_folder(self, champion: Champion) -> Path:
        """The champion's own code files, each checked against its digest. Raises Broken."""
        folder = Path(champion.folder) / "code"
        there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
        if added := sorted(there - set(champion.release.code)):  # it could be imported in place of a library
            raise Broken("code-mismatch", f"{folder / added[0]} was not registered with version {champion.version}")
        for name, sha256 in champion.release.code.items():
            if hashlib.sha256(read(folder / name)).hexdigest() != sha256:
                raise Broken("code-mismatch", f"{folder / name} is not the file version {champion.version} registered")
        return folder

    @cached_property
    def _client(self) -> "MlflowClient":
        from tierra.model.tracking import open_client

        return open_client(self._uri)

    def _ask(self, project: str) -> Pointer | None:
        from tierra.model.tracking import ask_pointer

        return ask_pointer(self._client, project)

    def _opened(self, pointer: Pointer) -> Champion:
        folder = self._folder(f"{pointer.run_files}/{RELEASE}")
        text = read(folder / "release.json")
        if hashlib.sha256(text).hexdigest() != pointer.release_sha256:
            raise Broken("artifact-tampered", f"{folder / 'release.json'} is not what version {pointer.version} says")
        return Champion(
            version=pointer.version,
            run_id=pointer.run_id,
            model_uri=pointer.model_files,
            folder=str(folder),
            release=Release.model_validate_json(text),
            registered=pointer.registered,
            experiment_id=pointer.experiment_id,
        )

    def _folder(self, uri: str) -> Path:
        """Where files lie; a server's are fetched, a new copy each time."""
        if uri.startswith("file:"):
            return Path(url2pathname(urlsplit(uri).path))
        from tierra.model.tracking import fetch

        return fetch(self._client, uri, tempfile.mkdtemp(dir=_fetched()))


def read(file: Path) -> bytes:
    """A registered file. Raises Broken when it is gone."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Broken("artifact-missing", f"{file}: {error.strerror}") from None


@cache
def _fetched() -> str:
    """A folder for files fetched from a server; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="tierra-")
    atexit.register(folder.cleanup)
    return folder.name
