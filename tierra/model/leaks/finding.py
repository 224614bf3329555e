"""A leak that was found: what it is about, its evidence, what to do about it, and who let it pass and why."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tierra.spec import Spec

Severity = Literal["refuse", "warn"]
Kind = Literal[
    "target-in-feature", "target-name", "target-formula", "target-mean", "gaps", "not-known-yet", "after-the-row",
    "label-delay", "twins", "near-twins", "groups", "all-rows", "row-order",
]  # fmt: skip

# What each kind is, for the documentation, and what to do about it, for whoever meets it.
MEANINGS: Final[dict[Kind, str]] = {
    "target-in-feature": "A feature that alone predicts the target",
    "target-name": "A feature named after the target that predicts it well",
    "target-formula": "Two or more features of which the target is computed",
    "target-mean": "A feature that is the mean of the target by another column, the row's own target included",
    "gaps": "A feature that is filled, or empty, by what the target is",
    "not-known-yet": "A feature that is filled where the target is known and empty where it is not",
    "after-the-row": "A time that lies after the row's own moment",
    "label-delay": "Targets that `prepare` reads from the days before, and that come later than the next night",
    "twins": "Test rows with the features of a training row",
    "near-twins": "Test rows with nearly the features of a training row",
    "groups": "Groups that stand in training and test and share a target",
    "all-rows": "`prepare` gives a row other values when other rows stand beside it, those of the test part too",
    "row-order": "`prepare` gives a row other values when the rows come in another order",
}
WITHHOLD: Final = "list it under `known_later` of its source, or leave it out of the features"
REMEDIES: Final[dict[Kind, str]] = {
    "target-in-feature": WITHHOLD,
    "target-name": WITHHOLD,
    "target-formula": "list them under `known_later` of their source, or leave them out of the features",
    "target-mean": "make it in `prepare` of `history`, or leave it out and state `encode: target` for the other column",
    "gaps": WITHHOLD,
    "not-known-yet": WITHHOLD,
    "after-the-row": "join with `as_of`, or list it under `known_later` of its source",
    "label-delay": "leave the newest targets of `history` out in `prepare`, as many days as they take to come",
    "twins": "keep equal rows in one part: split by a group that `prepare` makes",
    "near-twins": "keep such rows in one part: split by a column that names what they are copies of",
    "groups": "keep each group in one part",
    "all-rows": "use `preprocessing`, which is fitted on the training part, or `partition_by` and `history`",
    "row-order": "sort the rows inside `prepare`, or count by a column of theirs",
}


class Acknowledged(Spec):
    """A leak that was found and may stay."""

    leak: str = Field(min_length=1, description="The name it is printed with, such as groups:patient")
    reason: str = Field(min_length=1, pattern=r"\S", description="Why it is none; kept with the release")


class Leaks(Spec):
    """Leaks that were found and may stay."""

    acknowledged: Annotated[tuple[Acknowledged, ...], BeforeValidator(tuple)] = Field(
        (), description="Each with the reason why it is none; every other one stops the training"
    )


class Leak(BaseModel):
    """One leak, with its evidence; `reason` is that of the project file where it is acknowledged."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    columns: tuple[str, ...] = ()
    severity: Severity = "refuse"
    evidence: str
    numbers: dict[str, float] = {}
    proposal: str = ""
    reason: str = ""

    @property
    def id(self) -> str:
        """Its name, the same as long as it is of the same kind and columns."""
        return f"{self.kind}:{'+'.join(self.columns)}" if self.columns else self.kind

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.kind] + (f": {self.proposal}" if self.proposal else "")

    @property
    def line(self) -> str:
        """Name, evidence, and remedy or acknowledgement."""
        return f"{self.id}: {self.evidence}; {self.remedy if not self.reason else f'acknowledged: {self.reason}'}"

    @property
    def stops(self) -> bool:
        """Whether no training may go on with it."""
        return self.severity == "refuse" and not self.reason


def acknowledge(found: Iterable[Leak], acknowledged: Sequence[Acknowledged]) -> tuple[Leak, ...]:
    """The leaks, with the reason of each that the project file acknowledges."""
    reasons = {each.leak: each.reason for each in acknowledged}
    return tuple(leak.model_copy(update={"reason": reasons.get(leak.id, "")}) for leak in found)


def name_unfound(found: Iterable[Leak], acknowledged: Sequence[Acknowledged]) -> list[str]:
    """The acknowledgements of leaks that were not found."""
    ids = {leak.id for leak in found}
    return [each.leak for each in acknowledged if each.leak not in ids]
