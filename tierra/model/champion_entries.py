"""Histories of champions: entries with numbers, put if absent, sealed, each with the digest of the one before."""

import json
import re
from contextlib import suppress

from tierra.errors import Broken, TierraError
from tierra.model.pointers import Pointer, digest_of, find_breaks, seal_name
from tierra.store.objects import Objects

FILE = re.compile(r"(\d{6})\.json")
SEAL = re.compile(r"seals/([0-9a-f]{64})-(\d{6})")


class Entries:
    """The entries of all projects in one store; what they name is not read."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def numbers(self, project: str) -> list[int]:
        """The numbers of a project's entries, from the first on."""
        folder = f"champions/{project}"
        found = [FILE.fullmatch(name.removeprefix(f"{folder}/")) for name in self._objects.names(folder)]
        return [int(each[1]) for each in found if each]

    def read(self, project: str, number: int) -> Pointer:
        """The entry of a number. Raises Broken."""
        name = _name(project, number)
        try:
            pointer = Pointer.model_validate_json(self._text(project, number))
        except ValueError as error:
            raise Broken("artifact-tampered", f"{self._objects.location(name)}: {str(error).splitlines()[0]}") from None
        if (pointer.project, pointer.number) != (project, number):
            raise Broken("artifact-tampered", f"{self._objects.location(name)} is the pointer of something else")
        return pointer

    def put(self, pointer: Pointer) -> Pointer | None:
        """Create the entry and its seal unless the number is taken; what stands there, None where that is another's."""
        project, number = pointer.project, pointer.number
        earlier = self._text(project, number - 1) if number - 1 in self.numbers(project) else b""
        pointer = pointer.model_copy(update={"before": digest_of(earlier) if earlier else ""})
        text = pointer.model_dump_json(indent=1).encode()
        try:
            created = self._objects.put_if_absent(_name(project, number), text)
        except TierraError:  # the answer may be lost or the disk fail later, and the pointer stand
            if number not in self.numbers(project):
                raise
            created = False
        standing = pointer if created else self.read(project, number)
        if not standing.is_same_work(pointer):
            return None
        with suppress(TierraError):  # whoever serves does so without it
            self._objects.put_if_absent(seal_name(project, number, self._text(project, number)), b"")
        return standing

    def check(self, project: str) -> None:
        """Raise Broken where an entry of the history is gone or is not what was written, naming each."""
        texts = {number: self._text(project, number) for number in self.numbers(project)}
        entries = {number: (_before(text), text) for number, text in texts.items()}
        if breaks := list(find_breaks(entries, self._seals(project))):
            place = self._objects.location(f"champions/{project}")
            raise Broken("history-tampered", f"the history of champions in {place}: {'; '.join(breaks)}")

    def _text(self, project: str, number: int) -> bytes:
        return read_bytes(self._objects, _name(project, number))

    def _seals(self, project: str) -> dict[int, set[str]]:
        """The digests that were noted of each entry."""
        folder, seals = f"champions/{project}", dict[int, set[str]]()
        for name in self._objects.names(folder):
            if found := SEAL.fullmatch(name.removeprefix(f"{folder}/")):
                seals.setdefault(int(found[2]), set()).add(found[1])
        return seals


def read_bytes(objects: Objects, name: str) -> bytes:
    """An object that must be there. Raises Broken."""
    try:
        return objects.read(name)
    except OSError as error:
        raise Broken("artifact-missing", f"{objects.location(name)}: {error.strerror or 'no such object'}") from None


def _before(text: bytes) -> str:
    """The digest that an entry holds of the one before; empty where it holds none."""
    try:
        return str(json.loads(text).get("before", ""))
    except (ValueError, AttributeError):
        return ""


def _name(project: str, number: int) -> str:
    return f"champions/{project}/{number:06d}.json"
