"""Challengers in shadow: models that passed the gate and score beside the champion before they may replace it.

An entry is put if absent under the next number; what it predicted of each partition, and how its shadow ended, stand
beside it. All of it is apart from published predictions: no reader of those looks here.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tierra.errors import Broken, first_line
from tierra.model.champions import Champions
from tierra.model.gate import Verdict
from tierra.model.pointers import Appointment, Pointer
from tierra.model.release import Champion, Release
from tierra.store.objects import Objects
from tierra.store.refs import ObjectRef, TableRef

FOLDER = "shadows"
_ENTRY = re.compile(r"(\d{6})/challenger\.json")
Kept = TypeVar("Kept", bound=BaseModel)


def _now() -> datetime:
    return datetime.now(UTC)


class Challenger(Pointer):
    """A model in shadow: the champion it may replace, and how many partitions it is to score first."""

    against: int = Field(description="Number of the champion")
    partitions: int = Field(ge=1, description="Partitions to score beside it")
    inputs: str = Field("", description="Digest of all that its training was made of; its release may be collected")

    @property
    def label(self) -> str:
        """Its version as people read it."""
        return f"version {self.version}" if self.version else f"challenger {self.number}"


class ShadowScored(BaseModel):
    """What a challenger predicted of a partition, and the published generation it stands beside."""

    model_config = ConfigDict(frozen=True)

    partition: str
    generation: int
    rows: TableRef
    champion_rows: TableRef = Field(description="What the champion predicted, with its probabilities")
    same_rows: bool = Field(description="Whether both models were given the very same joined rows")
    when: AwareDatetime = Field(default_factory=_now)


class ShadowEnd(BaseModel):
    """How a shadow ended, by whose word and why."""

    model_config = ConfigDict(frozen=True)

    outcome: Literal["promoted", "kept", "withdrawn"]
    why: str
    who: str
    when: AwareDatetime = Field(default_factory=_now)
    verdict: Verdict | None = None


class Challengers:
    """The challengers of all projects in one store."""

    def __init__(self, objects: Objects, champions: Champions) -> None:
        self._objects, self._champions = objects, champions

    def enter(
        self, release: Release, model: ObjectRef, code: Mapping[str, bytes], by: Appointment,
        against: int, partitions: int,
    ) -> Challenger:  # fmt: skip
        """Put a model in shadow; where another training was faster, the challenger that is there instead."""
        last = self._last(release.project)
        if last and not self.end_of(last):
            return last
        kept = self._champions.keep(release, model, code, by, last.number + 1 if last else 1)
        mine = Challenger(**dict(kept), against=against, partitions=partitions, inputs=release.inputs)
        self._put(_name(mine, "challenger"), mine)
        return self._read(_name(mine, "challenger"), Challenger)

    def current(self, project: str) -> Challenger | None:
        """The challenger in shadow; None where there is none. Raises Broken."""
        last = self._last(project)
        return None if last is None or self.end_of(last) else last

    def history(self, project: str) -> list[Challenger]:
        """Every challenger that was ever in shadow, oldest first. Raises Broken."""
        names = (f"{FOLDER}/{project}/{number:06d}/challenger.json" for number in sorted(self._numbers(project)))
        return [self._read(name, Challenger) for name in names]

    def as_champion(self, challenger: Challenger) -> Champion:
        """The challenger in the form in which models score, its release verified. Raises Broken."""
        return self._champions.served(challenger)

    def keep_scored(self, challenger: Challenger, scored: ShadowScored) -> None:
        """Keep what it predicted of a partition; what is there already stays."""
        self._put(_name(challenger, f"scored/{scored.partition}"), scored)

    def partitions_scored(self, challenger: Challenger) -> list[str]:
        """The partitions that it scored, oldest first."""
        folder = f"{_folder(challenger)}/scored"
        names = self._objects.names(folder)
        return sorted(name.removeprefix(f"{folder}/").removesuffix(".json") for name in names)

    def scored(self, challenger: Challenger) -> dict[str, ShadowScored]:
        """What it predicted, by partition, oldest first. Raises Broken."""
        partitions = self.partitions_scored(challenger)
        return {each: self._read(_name(challenger, f"scored/{each}"), ShadowScored) for each in partitions}

    def end(self, challenger: Challenger, end: ShadowEnd) -> ShadowEnd:
        """End a shadow; where somebody else has ended it, how."""
        self._put(_name(challenger, "end"), end)
        return self._read(_name(challenger, "end"), ShadowEnd)

    def end_of(self, challenger: Challenger) -> ShadowEnd | None:
        """How a shadow ended; None while it goes on. Raises Broken."""
        name = _name(challenger, "end")
        return self._read(name, ShadowEnd) if name in self._objects.names(_folder(challenger)) else None

    def roots(self, project: str) -> Iterator[str]:
        """The objects that the challenger in shadow needs, and what it predicted."""
        if challenger := self.current(project):
            yield from (challenger.release.name, challenger.model.name, *(ref.name for ref in challenger.code.values()))
            for each in self.scored(challenger).values():
                yield from (each.rows.name, each.champion_rows.name)

    def _last(self, project: str) -> Challenger | None:
        numbers = self._numbers(project)
        return self._read(f"{FOLDER}/{project}/{max(numbers):06d}/challenger.json", Challenger) if numbers else None

    def _numbers(self, project: str) -> list[int]:
        folder = f"{FOLDER}/{project}"
        found = (_ENTRY.fullmatch(name.removeprefix(f"{folder}/")) for name in self._objects.names(folder))
        return [int(each[1]) for each in found if each]

    def _put(self, name: str, value: BaseModel) -> None:
        self._objects.put_if_absent(name, value.model_dump_json(indent=1).encode())

    def _read(self, name: str, kind: type[Kept]) -> Kept:
        place = self._objects.location(name)
        try:
            return kind.model_validate_json(self._objects.read(name))
        except FileNotFoundError:
            raise Broken("artifact-missing", f"{place} is gone") from None
        except ValueError as error:
            raise Broken("artifact-tampered", f"{place}: {first_line(error)}") from None


def _folder(challenger: Challenger) -> str:
    return f"{FOLDER}/{challenger.project}/{challenger.number:06d}"


def _name(challenger: Challenger, what: str) -> str:
    return f"{_folder(challenger)}/{what}.json"
