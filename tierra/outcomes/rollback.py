"""The end of a rollback or a promotion: who serves since, and what became of each partition."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from tierra.errors import Broken, TierraError
from tierra.outcomes.outcome import Ended, Figures
from tierra.store.manifest import Manifest

# What is said of partitions that a rollback looked at; the first two are repaired.
Repair = Literal["NamedAgain", "Rescored", "Overtaken", "WouldNameAgain", "WouldRescore", "Kept", "Rejected",
                 "PublishedMeanwhile"]  # fmt: skip
WORDS: Final[dict[Repair, str]] = {
    "NamedAgain": "named again", "Rescored": "scored again", "Overtaken": "published by another first",
    "WouldNameAgain": "would be named again", "WouldRescore": "would be scored again", "Kept": "kept as it is",
    "Rejected": "not repaired", "PublishedMeanwhile": "published meanwhile",
}  # fmt: skip
STILL_BAD: Final = ("Rejected", "PublishedMeanwhile")


class Shown(BaseModel):
    """What a reader sees of a partition: its generation, the version that scored it, and how many rows."""

    model_config = ConfigDict(frozen=True)

    generation: int = 0
    version: str = ""
    rows: int = 0

    def __str__(self) -> str:
        return f"generation {self.generation}, version {self.version or 'without a number'}, {self.rows:,} rows"


class PartitionRepaired(BaseModel):
    """A partition that a version taken back had published: what it showed, what it shows, and how that came."""

    model_config = ConfigDict(frozen=True)

    partition: str
    outcome: Repair
    before: Shown
    after: Shown
    restores: int | None = None
    manifest: str = ""
    reason: str = ""

    @property
    def how(self) -> str:
        """What was done, in words."""
        again = f": generation {self.restores}" if self.restores else ""
        return f"{WORDS[self.outcome]}{again}" + (f": {self.reason}" if self.reason else "")


class Repointed(Ended):
    """The end of a rollback or a promotion; `number` is the entry of the history that makes the version serve."""

    project: str
    outcome: Literal["RolledBack", "AlreadyRolledBack", "Promoted", "DryRun", "RollbackIncomplete"]
    version: str
    version_before: str
    number: int
    who: str = ""
    where: str = ""
    why: str = ""
    partitions: tuple[PartitionRepaired, ...] = ()
    untouched: int = 0
    receipt: str = ""

    @property
    def sentence(self) -> str:
        """What serves, why, and what became of the partitions."""
        would = "would serve" if self.outcome == "DryRun" else "serves"
        serves = f"Version {self.version} {would} in place of version {self.version_before}: {self.why}."
        if self.outcome == "AlreadyRolledBack":
            serves = f"Version {self.version} serves since a rollback already (entry {self.number}); nothing is left."
        return " ".join([serves, *([self._repairs] if self.partitions or self.untouched else [])])

    @property
    def _repairs(self) -> str:
        counts = Counter(each.outcome for each in self.partitions)
        parts = [f"{count:,} {WORDS[kind]}" for kind, count in counts.items()]
        return f"Partitions: {', '.join([*parts, f'{self.untouched:,} untouched'])}."

    @property
    def figures(self) -> Figures:
        """The version that serves, and the partitions by what became of them."""
        counts = Counter(WORDS[each.outcome] for each in self.partitions)
        rows = [(f"{count:,}", kind) for kind, count in counts.items()]
        return [(self.version or "?", "version that serves"), *rows, (f"{self.untouched:,}", "untouched")]

    @property
    def error(self) -> TierraError | None:
        """The partitions that still show a version that was taken back, each with the reason; None when none does."""
        left = [each for each in self.partitions if each.outcome in STILL_BAD]
        if not left:
            return None
        lines = "; ".join(f"{each.partition} ({each.before}): {each.how}" for each in left)
        what = f"{self.project}: version {self.version} serves, but {len(left)} partitions still show what it replaced"
        return Broken("rollback-incomplete", f"{what}: {lines}")

    @property
    def made_a_difference(self) -> bool:
        """Whether all was done, and another model serves or anything was published."""
        return self.outcome in ("RolledBack", "Promoted")


def shown_by(manifest: Manifest) -> Shown:
    """What a reader sees of a manifest."""
    return Shown(generation=manifest.generation, version=manifest.model_version, rows=manifest.rows_scored)


def repaired(
    before: Manifest, outcome: Repair, after: Manifest | None = None, where: str = "", reason: str = ""
) -> PartitionRepaired:
    """What became of a partition whose newest generation was `before`."""
    now = after or before
    restores = now.restores if outcome in ("NamedAgain", "WouldNameAgain") else None
    return PartitionRepaired(
        partition=before.partition, outcome=outcome, before=shown_by(before), after=shown_by(now),
        restores=restores, manifest=where, reason=reason,
    )  # fmt: skip


def outcome_of(
    stands: bool, partitions: Sequence[PartitionRepaired]
) -> Literal["RolledBack", "AlreadyRolledBack", "RollbackIncomplete"]:
    """The whole rollback's outcome from its partitions'; `stands` where an earlier try had moved the pointer."""
    if any(each.outcome in STILL_BAD for each in partitions):
        return "RollbackIncomplete"
    return "AlreadyRolledBack" if stands and not partitions else "RolledBack"
