"""An explanation: one published prediction, or a row that was set aside, and all that it was made of."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from tierra.data.quarantine import QuarantineReason
from tierra.model.gate import Verdict
from tierra.steps.replayed import Replayed
from tierra.store.refs import TableRef


class _Explained(BaseModel):
    model_config = ConfigDict(frozen=True)


class JoinSeen(_Explained):
    """What one side table gave the row."""

    table: str
    on: dict[str, Any]
    values: dict[str, Any]

    @property
    def matched(self) -> bool:
        """Whether any of its columns has a value."""
        return any(value is not None for value in self.values.values())


class ModelSeen(_Explained):
    """The model that made the number, since when it serves and by whose word."""

    version: str
    candidate: str
    number: int
    who: str
    why: str
    since: str
    sha256: str
    code: dict[str, str]
    verdict: Verdict
    threshold: float | None = None
    trained_from: dict[str, str] = {}


class GenerationSeen(_Explained):
    """A generation of the partition, and what it says of the key."""

    generation: int
    published_at: str = ""
    model_version: str = ""
    restores: int | None = None
    predicted: dict[str, Any] = {}
    note: str = ""


class Explanation(_Explained):
    """One published prediction, or a row that was set aside, and all that it was made of."""

    project: str
    key: dict[str, str]
    partition: str
    generation: int
    generations: tuple[GenerationSeen, ...]
    published_at: str
    work: str
    manifest: str
    predicted: dict[str, Any] = {}
    set_aside: str = ""
    rows_in: int
    rows_scored: int
    rows_quarantined: int
    reasons: tuple[QuarantineReason, ...] = ()
    contract: tuple[str, ...] = ()
    snapshot: TableRef | None = None
    history: TableRef | None = None
    inputs: str
    row: dict[str, Any] = {}
    joins: tuple[JoinSeen, ...] = ()
    features: dict[str, Any] = {}
    encoded: dict[str, float] = {}
    contributions: dict[str, float] = {}
    model: ModelSeen
    notes: tuple[str, ...] = ()
    replay: Replayed | None = None
