"""The summary of a scoring run over a range of days."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict

Moment = Literal["now", "then"]


class End(Protocol):
    """How a partition ended."""

    @property
    def outcome(self) -> str:
        """As a word."""


class Backfill(BaseModel):
    """Which range was asked for, how many of its days were to be scored, and how they ended.

    `already` are published days that stayed as they are, `not_ready` those that have fewer rows than they need.
    """

    model_config = ConfigDict(frozen=True)

    first: str
    last: str
    which: Literal["missing", "stale", "all"] = "missing"
    model: Moment = "now"
    planned: int = 0
    published: int = 0
    already: int = 0
    rejected: int = 0
    not_ready: tuple[str, ...] = ()

    def ended(self, model: Moment, planned: int, ends: Iterable[End]) -> Self:
        """The same with the model that was asked for, how many days were to be scored, and how all of them ended."""
        counts = Counter(each.outcome for each in ends)
        already = self.already + counts["AlreadyPublished"]
        return self.model_copy(update={"model": model, "planned": planned, "published": counts["Published"],
                                       "already": already, "rejected": counts["Rejected"]})  # fmt: skip

    @property
    def words(self) -> str:
        """The range and its counts, as a part of a sentence."""
        counts = {"planned": self.planned, "published": self.published, "already published": self.already,
                  "rejected": self.rejected, "not ready": len(self.not_ready)}  # fmt: skip
        said = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        return f"{self.first} to {self.last} ({self.which}, model {self.model}): {said}"
