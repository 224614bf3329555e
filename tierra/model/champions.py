"""Who serves: a pointer put if absent in the store of objects, one for each champion a project ever had.

The highest number serves. Release, model and code are objects named by their digests, and each is
checked against its digest before it is used. Nothing here knows MLflow, which only shows what serves.
"""

import atexit
import hashlib
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from tierra.errors import Broken, TierraError
from tierra.model.gate import Verdict
from tierra.model.release import Champion, Release, Version
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef
from tierra.temporary import prefix

FILE = re.compile(r"(\d{6})\.json")
MODEL_FILE = "model.skops"
_lock = Lock()


def _now() -> datetime:
    return datetime.now(UTC)


class Appointment(Version):
    """Who makes a model the champion, when and why, and where MLflow shows it."""

    who: str
    why: str
    when: AwareDatetime = Field(default_factory=_now)


class Pointer(Appointment):
    """A champion as it is kept in the store."""

    format: Literal[1] = 1
    project: str
    number: int
    verdict: Verdict
    candidate: str
    release: ObjectRef
    model: ObjectRef
    code: dict[str, ObjectRef]


class Champions:
    """The champions of all projects in one store."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def current(self, project: str) -> Champion | None:
        """The champion that serves, its release verified; None before the first. Raises Broken."""
        pointer = self.latest(project)
        return self._open(pointer) if pointer else None

    def latest(self, project: str) -> Pointer | None:
        """The pointer that counts: the one with the highest number."""
        numbers = self._numbers(project)
        return self._read(project, numbers[-1]) if numbers else None

    def history(self, project: str) -> tuple[Pointer, ...]:
        """Every champion the project had, oldest first. Raises Broken."""
        return tuple(self._read(project, number) for number in self._numbers(project))

    def served(self, pointer: Pointer) -> Champion:
        """The champion of a pointer of the history, its release verified. Raises Broken."""
        return self._open(pointer)

    def load(self, champion: Champion) -> Any:
        """The champion's model, checked before it is loaded. Raises Broken."""
        # scikit-learn costs seconds, which a run that has nothing to score does not spend.
        from tierra.model.artifact import load_model

        place = self._objects.location(champion.model.name)
        return load_model(self._bytes(champion.model.name), champion.release.model_sha256, place)

    def folder(self, champion: Champion) -> Path:
        """The champion's code files and its project.yaml, checked, in a folder of this process. Raises Broken."""
        with _lock:
            kept = Path(_files_of_process()) / champion.release.serving_digest
            if not kept.is_dir():
                made = Path(tempfile.mkdtemp(dir=_files_of_process()))
                _write(made, self._files(champion))
                made.rename(kept)
        return kept

    def appoint(
        self, release: Release, model: ObjectRef, code: Mapping[str, bytes], by: Appointment, after: int
    ) -> Champion | None:
        """Make a model the champion after number `after`; None when another holds the next number.

        Appointing the same release again returns the champion that is there.
        """
        pointer = self._pointer(release, model, code, by, after + 1)
        name, text = _name(release.project, after + 1), pointer.model_dump_json(indent=1).encode()
        try:
            created = self._objects.put_if_absent(name, text)
        except TierraError:  # the answer may be lost or the disk fail later, and the pointer stand
            if after + 1 not in self._numbers(release.project):
                raise
            created = False
        if created:
            return _champion(pointer, release)
        standing = self._read(release.project, after + 1)
        return _champion(standing, release) if standing.release == pointer.release else None

    def _pointer(
        self, release: Release, model: ObjectRef, code: Mapping[str, bytes], by: Appointment, number: int
    ) -> Pointer:
        """The pointer, once all it points to is in the store. Raises Broken when that is not the release's own."""
        written = {name: self._keep("code/", ".py", data) for name, data in code.items()}
        pointer = Pointer(
            **dict(by),
            project=release.project,
            number=number,
            verdict=release.verdict,
            candidate=release.candidate,
            release=self._keep("releases/", ".json", release.text),
            model=ObjectRef(name=model.name, sha256=model.sha256),
            code=written,
        )
        _check(pointer, release)
        return pointer

    def _keep(self, stem: str, suffix: str, data: bytes) -> ObjectRef:
        with self._objects.draft(stem, suffix) as draft:
            draft.write(data)
        return ObjectRef(name=draft.name, sha256=draft.sha256)

    def _open(self, pointer: Pointer) -> Champion:
        text, place = self._bytes(pointer.release.name), self._objects.location(pointer.release.name)
        if hashlib.sha256(text).hexdigest() != pointer.release.sha256:
            raise Broken("artifact-tampered", f"{place} is not what champion {pointer.number} was appointed with")
        release = Release.model_validate_json(text)
        _check(pointer, release)
        return _champion(pointer, release)

    def _read(self, project: str, number: int) -> Pointer:
        name = _name(project, number)
        try:
            pointer = Pointer.model_validate_json(self._bytes(name))
        except ValueError as error:
            raise Broken("artifact-tampered", f"{self._objects.location(name)}: {str(error).splitlines()[0]}") from None
        if (pointer.project, pointer.number) != (project, number):
            raise Broken("artifact-tampered", f"{self._objects.location(name)} is the pointer of something else")
        return pointer

    def _numbers(self, project: str) -> list[int]:
        folder = f"champions/{project}"
        found = [FILE.fullmatch(name.removeprefix(f"{folder}/")) for name in self._objects.names(folder)]
        return [int(each[1]) for each in found if each]

    def _files(self, champion: Champion) -> dict[str, bytes]:
        """The champion's files by relative name. The project file is in the release, which is verified."""
        files = {name: self._bytes(ref.name) for name, ref in champion.code.items()}
        for name, data in files.items():
            if hashlib.sha256(data).hexdigest() != champion.release.code[name]:
                place = self._objects.location(champion.code[name].name)
                raise Broken("code-mismatch", f"{place} is not the {name} of champion {champion.number}")
        return files | {"project.yaml": champion.release.project_file.encode()}

    def _bytes(self, name: str) -> bytes:
        try:
            return self._objects.read(name)
        except OSError as error:
            place = self._objects.location(name)
            raise Broken("artifact-missing", f"{place}: {error.strerror or 'no such object'}") from None


def stored_files(model: bytes, code: Mapping[str, bytes]) -> dict[str, bytes]:
    """What serves, file by file, as MLflow keeps a copy of it: a store that is lost can be filled from there."""
    return {MODEL_FILE: model, **{f"code/{name}": data for name, data in code.items()}}


def _champion(pointer: Pointer, release: Release) -> Champion:
    given = {name: getattr(pointer, name) for name in Champion.model_fields if name in Pointer.model_fields}
    return Champion(**given | {"release": release, "registered": pointer.when})


def _name(project: str, number: int) -> str:
    return f"champions/{project}/{number:06d}.json"


def _check(pointer: Pointer, release: Release) -> None:
    """Raise Broken unless a pointer names the very files that its release was judged with."""
    which = f"champion {pointer.number} of {pointer.project}"
    if (pointer.model.sha256, pointer.project) != (release.model_sha256, release.project):
        raise Broken("artifact-tampered", f"{which} names another model than its release")
    named = {name: ref.sha256 for name, ref in pointer.code.items()}
    if different := sorted({name for name, _ in named.items() ^ release.code.items()}):
        raise Broken("code-mismatch", f"{which}: {different[0]} is not the file it was judged with")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()):
            raise Broken("code-mismatch", f"{name} would lie outside the champion's folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


@cache
def _files_of_process() -> str:
    """A folder for the files of champions; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix=prefix())
    atexit.register(folder.cleanup)
    return folder.name
