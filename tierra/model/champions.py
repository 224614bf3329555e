"""Who serves: a pointer put if absent in the store of objects, one for each champion a project ever had.

The highest number serves. Each entry holds the digest of the one before (pointers.py). Release, model and code are
objects named by their digests, and each is checked against its digest before it is used. Nothing here knows MLflow,
which only shows what serves.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tierra.errors import Broken
from tierra.model.champion_entries import Entries, read_bytes
from tierra.model.pointers import Appointment, Pointer, digest_of
from tierra.model.release import Champion, Release
from tierra.model.served_files import folder_of
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef

if TYPE_CHECKING:
    from tierra.model.own import OwnClasses

MODEL_FILE = "model.skops"


class Champions:
    """The champions of all projects in one store."""

    def __init__(self, objects: Objects) -> None:
        self._objects, self._entries = objects, Entries(objects)

    def current(self, project: str) -> Champion | None:
        """The champion that serves, its release verified; None before the first. Raises Broken."""
        pointer = self.latest(project)
        return self._open(pointer) if pointer else None

    def latest(self, project: str) -> Pointer | None:
        """The pointer that counts: the one with the highest number."""
        numbers = self._entries.numbers(project)
        return self._entries.read(project, numbers[-1]) if numbers else None

    def history(self, project: str) -> tuple[Pointer, ...]:
        """Every champion the project had, oldest first. Raises Broken."""
        return tuple(self._entries.read(project, number) for number in self._entries.numbers(project))

    def taken_back(self, project: str, model: str, scoring: str) -> Pointer | None:
        """The entry that took back the version of this model, code and recipe; None where it may serve. Raises Broken.

        Where it serves, or did last of all that is kept, one entry is read.
        """
        for number in reversed(self._entries.numbers(project)):
            entry = self._entries.read(project, number)
            if any(each.published(model, scoring) for each in entry.taken_back):
                return entry
            if entry.model.sha256 == model:
                return None
        return None

    def check_history(self, project: str) -> None:
        """Raise Broken where an entry of the history is gone or is not what was written, naming each."""
        self._entries.check(project)

    def of(self, pointer: Pointer) -> Champion:
        """The champion of an entry, its release, code and model all there and verified. Raises Broken."""
        champion = self._open(pointer)
        self._files(champion)
        data, place = read_bytes(self._objects, champion.model.name), self._objects.location(champion.model.name)
        if digest_of(data) != champion.release.model_sha256:
            raise Broken("artifact-tampered", f"{place} is not the model of champion {pointer.number}")
        return champion

    def release_of(self, pointer: Pointer) -> Release:
        """The release of an entry, verified. Raises Broken."""
        return self._open(pointer).release

    def served(self, pointer: Pointer) -> Champion:
        """The champion of a pointer of the history, its release verified. Raises Broken."""
        return self._open(pointer)

    def load(self, champion: Champion, folder: Path | None = None) -> Any:
        """The champion's model, checked before it is loaded. Raises Broken.

        Classes of the project's own are those it was registered with, or those of a folder with the same files.
        """
        # scikit-learn costs seconds, which a run that has nothing to score does not spend.
        from tierra.model.artifact import load_model

        place = self._objects.location(champion.model.name)
        own = self._own(champion, folder)
        return load_model(read_bytes(self._objects, champion.model.name), champion.release.model_sha256, place, own)

    def _own(self, champion: Champion, folder: Path | None) -> "OwnClasses":
        from tierra.model.own import OwnClasses

        own = champion.release.own
        return OwnClasses(folder or self.folder(champion), own) if own else OwnClasses()

    def load_judged(self, champion: Champion, folder: Path | None = None) -> Any:
        """The model that was judged: the champion's own, or the one before it was fitted once more. Raises Broken."""
        from tierra.model.artifact import load_model

        refit = champion.release.refit
        if refit is None:
            return self.load(champion, folder)
        name = refit.judged.name
        own = self._own(champion, folder)
        return load_model(read_bytes(self._objects, name), refit.judged.sha256, self._objects.location(name), own)

    def folder(self, champion: Champion) -> Path:
        """The champion's code files and its project.yaml, checked, in a folder of this process. Raises Broken."""
        return folder_of(champion.release.serving_digest, lambda: self._files(champion))

    def appoint(
        self, release: Release, model: ObjectRef, code: Mapping[str, bytes], by: Appointment, after: int
    ) -> Champion | None:
        """Make a model the champion after number `after`; None when another holds the next number.

        Appointing the same release again returns the champion that is there.
        """
        pointer = self._entries.put(self.keep(release, model, code, by, after + 1))
        return _champion(pointer, release) if pointer else None

    def appoint_again(self, former: Pointer, by: Appointment, after: int) -> Champion | None:
        """Make the model of an earlier entry the champion after number `after`; None when another holds the next.

        The same work trying again gets the champion that it made. Raises Broken where its files are gone or changed.
        """
        release = self.of(former).release
        kept = former.model_dump(include={"project", "verdict", "candidate", "release", "model", "code"})
        pointer = self._entries.put(Pointer(**{**kept, **dict(by)}, number=after + 1))
        return _champion(pointer, release) if pointer else None

    def keep(
        self, release: Release, model: ObjectRef, code: Mapping[str, bytes], by: Appointment, number: int
    ) -> Pointer:
        """Keep all that a model needs to serve, and say where; nothing serves by it yet.

        Raises Broken when that is not the release's own.
        """
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
        text, place = read_bytes(self._objects, pointer.release.name), self._objects.location(pointer.release.name)
        if hashlib.sha256(text).hexdigest() != pointer.release.sha256:
            raise Broken("artifact-tampered", f"{place} is not what champion {pointer.number} was appointed with")
        release = Release.model_validate_json(text)
        _check(pointer, release)
        return _champion(pointer, release)

    def _files(self, champion: Champion) -> dict[str, bytes]:
        """The champion's files by relative name. The project file is in the release, which is verified."""
        files = {name: read_bytes(self._objects, ref.name) for name, ref in champion.code.items()}
        for name, data in files.items():
            if hashlib.sha256(data).hexdigest() != champion.release.code[name]:
                place = self._objects.location(champion.code[name].name)
                raise Broken("code-mismatch", f"{place} is not the {name} of champion {champion.number}")
        return files | {"project.yaml": champion.release.project_file.encode()}


def stored_files(model: bytes, code: Mapping[str, bytes]) -> dict[str, bytes]:
    """What serves, file by file, as MLflow keeps a copy of it: a store that is lost can be filled from there."""
    return {MODEL_FILE: model, **{f"code/{name}": data for name, data in code.items()}}


def _champion(pointer: Pointer, release: Release) -> Champion:
    given = {name: getattr(pointer, name) for name in Champion.model_fields if name in Pointer.model_fields}
    return Champion(**given | {"release": release, "registered": pointer.when})


def _check(pointer: Pointer, release: Release) -> None:
    """Raise Broken unless a pointer names the very files that its release was judged with."""
    which = f"champion {pointer.number} of {pointer.project}"
    if strange := [name for name in release.own if f"{name.partition(':')[0]}.py" not in release.code]:
        raise Broken("code-mismatch", f"{which}: {strange[0]} is in no file it was judged with")
    if (pointer.model.sha256, pointer.project) != (release.model_sha256, release.project):
        raise Broken("artifact-tampered", f"{which} names another model than its release")
    named = {name: ref.sha256 for name, ref in pointer.code.items()}
    if different := sorted({name for name, _ in named.items() ^ release.code.items()}):
        raise Broken("code-mismatch", f"{which}: {different[0]} is not the file it was judged with")
