"""The entries of a project's history of champions, each holding the digest of the one before."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tierra.model.gate import Verdict
from tierra.model.release import Version
from tierra.store.refs import ObjectRef

Deed = Literal["trained", "promoted", "rolled back", "taken over"]


def _now() -> datetime:
    return datetime.now(UTC)


class TakenBack(BaseModel):
    """A version that a rollback took back, and how what it published is known."""

    model_config = ConfigDict(frozen=True)

    version: str
    model: str
    scoring: str = Field("", description="Digest of its code and recipe; empty where its release is gone")
    inputs: str = Field("", description="Digest of all that decides what a training makes; empty as well")

    def published(self, model: str, scoring: str) -> bool:
        """Whether it is the version of this model, code and recipe."""
        return self.model == model and self.scoring in ("", scoring)


class Appointment(Version):
    """Who makes a model the champion, when, why, from where and how, and where MLflow shows it."""

    who: str
    why: str
    when: AwareDatetime = Field(default_factory=_now)
    where: str = Field("", description="The machine, and the run of the Prefect server where it was one")
    did: Deed = "trained"
    again: int | None = Field(None, description="The earlier entry whose model serves again")
    taken_back: tuple[TakenBack, ...] = ()
    writer: str = Field("", description="Name of the work that made it: whose it is, when the answer was lost")


class Pointer(Appointment):
    """A champion as it is kept in the store. One of format 1 does not know the entry before it, nor what was done."""

    format: Literal[1, 2] = 2
    project: str
    number: int
    before: str = Field("", description="Digest of the entry before; empty for the first")
    verdict: Verdict
    candidate: str
    release: ObjectRef
    model: ObjectRef
    code: dict[str, ObjectRef]

    @property
    def deed(self) -> Deed:
        """What was done."""
        return "taken over" if self.format == 1 and self.who == "MLflow" else self.did

    def is_same_work(self, other: "Pointer") -> bool:
        """Whether both were written by the same work; where that has no name, whether they appoint the same model."""
        return self.writer == other.writer and self.release == other.release


def find_taken_back(history: Sequence[Pointer], inputs: str) -> tuple[TakenBack, Pointer] | None:
    """The version of these inputs that was taken back and not promoted since, and the entry that took it back."""
    promoted = set[str]()
    for entry in reversed(history):
        for each in entry.taken_back:
            if each.inputs == inputs and each.model not in promoted:
                return each, entry
        promoted |= {entry.model.sha256} if entry.did == "promoted" else set()
    return None


def seal_name(project: str, number: int, text: bytes) -> str:
    """The name of the empty object by which an entry is known though it was edited or removed."""
    return f"champions/{project}/seals/{digest_of(text)}-{number:06d}"


def digest_of(text: bytes) -> str:
    """SHA-256 of an entry's bytes."""
    return hashlib.sha256(text).hexdigest()


def find_breaks(entries: Mapping[int, tuple[str, bytes]], seals: Mapping[int, set[str]]) -> Iterator[str]:
    """What is wrong with a history: entries that are gone or are not what was written, a line each.

    `entries` are the place, the digest that each holds of the one before, and the bytes, by number.
    """
    for number in range(1, max([*entries, *seals], default=0) + 1):
        if number not in entries:
            yield f"entry {number} is gone"
            continue
        own = digest_of(entries[number][1])
        next_one = entries.get(number + 1)
        is_edited = bool(next_one and next_one[0] and next_one[0] != own) or bool(seals.get(number, {own}) != {own})
        if is_edited:
            yield f"entry {number} is not what was written"
