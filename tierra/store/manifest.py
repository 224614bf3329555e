"""What a manifest says: the rows that are published for one partition, from what, and by which model."""

import json
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tierra.store.memo import digest
from tierra.store.refs import ObjectRef, RowsScored, TableRef


class Manifest(BaseModel):
    """What is published for one partition, from what, by which model."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1, 2] = 2
    dataset: str
    partition: str
    generation: int = 0
    inputs: str = Field(description="Digest of the rows that were scored")
    model: str = Field(description="Digest of the model")
    scoring: str = Field(description="Digest of the code and the recipe that scored them")
    model_version: str
    rows_in: int
    rows_scored: int
    rows_quarantined: int
    parts: tuple[TableRef, ...]
    restores: int | None = Field(None, description="The generation whose parts these are, named again as they were")
    record: TableRef | None = Field(
        None, description="A part without rows, written for this generation: on files it stays known by that"
    )
    quarantine: tuple[TableRef, ...] = ()
    joined: RowsScored | None = Field(None, description="Where those rows are kept; older manifests do not say")
    drift: ObjectRef | None = Field(None, description="How the rows differ from those the model was trained on")
    published_at: str = ""
    writer: str = Field("", description="Name of the work that made it: whose it is, when the answer was lost")
    digest: str = Field("", description="Digest of all the rest; a manifest of format 1 has none")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.rows_in != self.rows_scored + self.rows_quarantined:
            raise ValueError(f"{self.rows_in} rows in, but {self.rows_scored + self.rows_quarantined} out")
        if self.rows_scored != (written := sum(part.rows for part in self.parts)):
            raise ValueError(f"{self.rows_scored} rows scored, but {written} in its parts")
        if len({part.name for part in self.parts}) < len(self.parts):
            raise ValueError("a part is named twice")
        if self.restores and self.generation and self.restores >= self.generation:
            raise ValueError(f"generation {self.generation} cannot restore generation {self.restores}")
        return self

    @property
    def named(self) -> tuple[TableRef, ...]:
        """All that it keeps from being swept: its parts, and the record of a generation that has none of its own."""
        return (*self.parts, *([self.record] if self.record else []))

    def sealed(self) -> Self:
        """The same with the digest of all the rest."""
        return self.model_copy(update={"digest": digest_of(self.model_dump_json())})

    def says_the_same(self, other: "Manifest") -> bool:
        """Whether two manifests publish the same rows, whoever wrote them and when."""
        return [each.sha256 for each in self.parts] == [each.sha256 for each in other.parts]


def digest_of(text: str | bytes) -> str:
    """The digest of a manifest's text, whatever it says besides its own digest."""
    return digest({name: value for name, value in json.loads(text).items() if name != "digest"})
