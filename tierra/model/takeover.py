"""Taking over who serves from MLflow's alias: of a version before the pointers in the store, or for an empty store."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tierra.errors import Broken
from tierra.model.champions import MODEL_FILE, Champions
from tierra.model.pointers import Appointment
from tierra.model.release import Champion, Release
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef
from tierra.temporary import prefix

if TYPE_CHECKING:
    from tierra.model.tracking import Aliased


def take_over(uri: str, objects: Objects, project: str) -> Champion | None:
    """Appoint the version that MLflow's alias names as the project's first champion; None when it names none.

    Whoever was appointed meanwhile stays. Imports MLflow. Raises Broken where a file is not the registered one.
    """
    from tierra.model.tracking import fetch, find_aliased, open_client

    client = open_client(uri)
    found = find_aliased(client, project)
    if found is None:
        return None
    with TemporaryDirectory(prefix=prefix()) as folder:
        files = fetch(client, found.release_files, f"{folder}/release")
        release = _read_release(files, found)
        code = {name: _read(files / "code" / name, sha256, "code-mismatch") for name, sha256 in release.code.items()}
        # For a while the model that serves lay beside the release, and MLflow had a dump of its own.
        kept = files if (files / MODEL_FILE).is_file() else fetch(client, found.model_files, f"{folder}/model")
        model = _read(kept / MODEL_FILE, release.model_sha256)
    why = f"taken over from the alias of version {found.version}"
    by = Appointment(who="MLflow", why=why, did="taken over", when=found.made, version=found.version,
                     run_id=found.run_id, experiment_id=found.experiment_id)  # fmt: skip
    champions = Champions(objects)
    return champions.appoint(release, _keep(objects, model), code, by, 0) or champions.current(project)


def _read_release(files: Path, found: "Aliased") -> Release:
    return Release.model_validate_json(_read(files / "release.json", found.release_sha256))


def _read(file: Path, sha256: str, code: str = "artifact-tampered") -> bytes:
    """A registered file. Raises Broken when it is gone or changed."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Broken("artifact-missing", f"{file.name} of MLflow's champion: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Broken(code, f"{file.name} of MLflow's champion is not the registered file")
    return data


def _keep(objects: Objects, model: bytes) -> ObjectRef:
    with objects.draft("models/", ".skops") as draft:
        draft.write(model)
    return ObjectRef(name=draft.name, sha256=draft.sha256)
