"""Whose a name is: a record put if absent in a store of objects, one for each owner the name ever had.

The highest number counts, as with champions: taking over is the next number, which only one taker gets.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tierra.errors import Broken
from tierra.store.objects import Objects

_RECORD = re.compile(r"/(\d{6})\.json$")


def _now() -> datetime:
    return datetime.now(UTC)


class Identity(BaseModel):
    """What a project file is known by, wherever it lies."""

    model_config = ConfigDict(frozen=True)

    project: str
    main: str = Field(description="Name of the first source")
    key: tuple[str, ...]
    target: str

    @property
    def words(self) -> str:
        """The identity, for people."""
        key = ", ".join(self.key) or "none"
        return f"project {self.project}, source {self.main}, key {key}, target {self.target}"


class Owner(BaseModel):
    """Whose a name is, since when, and where the project file lay, seen from the home; empty when it is not known."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    number: int = 0
    identity: Identity
    file: str = ""
    who: str = ""
    when: AwareDatetime = Field(default_factory=_now)


def place_of(url: str, schema: str | None) -> str:
    """A name for a schema of a database, the same under every name of its connection and for every user."""
    import sqlalchemy as sa

    parsed = sa.make_url(url)
    place = [parsed.get_backend_name(), parsed.host, parsed.port, parsed.database, schema]
    return hashlib.sha256(json.dumps(place).encode()).hexdigest()[:32]


class Owners:
    """The owners of one name, in a folder of a store."""

    def __init__(self, objects: Objects, folder: str) -> None:
        self._objects, self._folder = objects, folder

    def current(self) -> Owner | None:
        """Whose the name is; None when it is nobody's. Raises Broken."""
        found = map(_RECORD.search, self._objects.names(self._folder))
        newest = max((each[1] for each in found if each), default=None)
        return self._read(int(newest)) if newest else None

    def put(self, owner: Owner) -> Owner:
        """Record the owner under its number; who stands there, which may be another who was first."""
        self._objects.put_if_absent(self._name(owner.number), owner.model_dump_json(indent=1).encode())
        return self._read(owner.number)

    def _read(self, number: int) -> Owner:
        name = self._name(number)
        try:
            owner = Owner.model_validate_json(self._objects.read(name))
        except (OSError, ValueError) as error:
            first = (str(error).splitlines() or ["no such object"])[0]
            raise Broken("store-tampered", f"{self._objects.location(name)}: {first}") from None
        if owner.number != number:
            raise Broken("store-tampered", f"{self._objects.location(name)} is the record of another number")
        return owner

    def _name(self, number: int) -> str:
        return f"{self._folder}/{number:06d}.json"
