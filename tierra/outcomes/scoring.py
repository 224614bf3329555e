"""The end of a scoring run, and of each of its partitions."""

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, computed_field

from tierra.data.completeness import Completeness, Finding, describe
from tierra.errors import DataRejected, TierraError
from tierra.outcomes.backfill import Backfill
from tierra.outcomes.outcome import Ended, Figures
from tierra.store.manifest import Manifest

Complete = Literal["Published", "AlreadyPublished", "NothingDue"]
# Something is missing at the source. A schedule whose due days have none at all is a failure.
Incomplete = Literal["PublishedIncomplete", "AlreadyPublishedIncomplete", "NothingDueIncomplete", "SourceStalled"]
INCOMPLETE: Final = ("PublishedIncomplete", "NothingDueIncomplete")  # runs of a schedule that ended well, and not whole

DAYS_NAMED: Final = 7


class PartitionScored(BaseModel):
    """The end of one partition of a scoring run; `note` says of what time its data are where that is not plain."""

    model_config = ConfigDict(frozen=True)

    partition: str
    outcome: Literal["Published", "WouldPublish", "AlreadyPublished", "Stale", "Rejected"]
    rows_in: int = 0
    rows_scored: int = 0
    rows_quarantined: int = 0
    model_version: str = ""
    generation: int = 0
    manifest: str = ""
    inputs: str = ""
    stale: bool = False
    unseen: dict[str, int] = {}
    code: str = ""
    reason: str = ""
    note: str = ""


class Scored(Ended):
    """The end of a scoring run over one or more partitions.

    `incomplete` is what is missing at the source, `newest` the newest day that is ready there; `looked_at_all` is
    false where the run was to score one day alone.
    """

    project: str
    outcome: Complete | Incomplete | Literal["DataRejected", "DryRun"]
    partitions: tuple[PartitionScored, ...] = ()
    stale: tuple[str, ...] = ()
    incomplete: tuple[Finding, ...] = ()
    newest: str = ""
    looked_at_all: bool = False
    backfill: Backfill | None = None
    receipt: str = ""

    @property
    def missing(self) -> list[str]:
        """What is missing at the source, a line for each kind."""
        return describe(self.project, self.incomplete)

    @property
    def sentence(self) -> str:
        """Which partitions, how many rows, and what is missing."""
        if not self.missing or self.outcome == "SourceStalled":
            return self._ended
        return f"{self._ended} Incomplete: {'; '.join(self.missing)}."

    @property
    def _ended(self) -> str:
        if self.error:
            published = any(each.outcome == "Published" for each in self.partitions)
            return f"The other partitions were published. {self.error.what}." if published else self.error.sentence
        if self.backfill:
            return f"{self.backfill.words}."
        if self.outcome == "NothingDue":
            return "Every partition that is due has been published already."
        if self.outcome == "NothingDueIncomplete":
            return "Every partition that is due and ready has been published already."
        days = ", ".join(each.partition for each in self.partitions if each.outcome in ("Published", "WouldPublish"))
        counts = f"{self.rows_in:,} rows in, {self.rows_scored:,} scored, {self.rows_quarantined:,} quarantined"
        if self.outcome == "DryRun":
            return f"Would publish {days}: {counts}." if days else "Would publish nothing."
        return f"{days}: {counts}." if days else "The requested partition was published before and has not changed."

    @property
    def figures(self) -> Figures:
        """Rows and partitions."""
        counts = {"rows in": self.rows_in, "scored": self.rows_scored, "quarantined": self.rows_quarantined,
                  "partitions": len(self.partitions)}  # fmt: skip
        return [(f"{count:,}", name) for name, count in counts.items()]

    @property
    def error(self) -> TierraError | None:
        """The rejected partitions, each named, or a source without any day that is due; None when there is neither."""
        if self.outcome == "SourceStalled":
            return DataRejected("source-stalled", f"{self.project}: {'; '.join(self.missing)}")
        found = _by_error([each for each in self.partitions if each.outcome == "Rejected"])
        lines = [f"{', '.join(_few(days))}: {reason}" for (_, reason), days in found.items()]
        if len(found) == 1:
            return DataRejected(next(iter(found))[0], f"{self.project} {lines[0]}")
        count, every = sum(map(len, found.values())), "; ".join(lines)
        return DataRejected("several", f"{self.project}: {count} partitions rejected: {every}") if found else None

    @property
    def made_a_difference(self) -> bool:
        """Whether anything was published."""
        return self.outcome in ("Published", "PublishedIncomplete")

    @property
    def _meant(self) -> list[PartitionScored]:
        """The partitions the run published, or the requested one; not those it only compared with their source."""
        requested = self.outcome in ("AlreadyPublished", "AlreadyPublishedIncomplete")
        return [each for each in self.partitions if requested or each.outcome in ("Published", "WouldPublish")]

    def _total(self, name: str) -> int:
        return sum(getattr(each, name) for each in self._meant)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def rows_in(self) -> int:
        """Rows that came in."""
        return self._total("rows_in")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def rows_scored(self) -> int:
        """Rows published."""
        return self._total("rows_scored")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def rows_quarantined(self) -> int:
        """Rows set aside with a reason."""
        return self._total("rows_quarantined")

    def _only(self, name: str) -> str | int | None:
        values = {getattr(each, name) for each in self._meant}
        return values.pop() if len(values) == 1 else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def model_version(self) -> str | int | None:
        """The version that scored, when one did all."""
        return self._only("model_version")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def generation(self) -> str | int | None:
        """The generation, when it is the same for all."""
        return self._only("generation")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def manifest(self) -> str | int | None:
        """Where the manifest lies, when there is one partition."""
        return self._only("manifest")


def _by_error(rejected: Sequence[PartitionScored]) -> dict[tuple[str, str], list[str]]:
    """The partitions of each error, by code and reason: what seven days share is said once."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in rejected:
        found.setdefault((each.code, each.reason), []).append(each.partition)
    return found


def _few(days: Sequence[str]) -> Sequence[str]:
    """The days, or the ends of many."""
    return days if len(days) <= DAYS_NAMED else (days[0], f"{len(days) - 2:,} others", days[-1])


def scored_from(
    manifest: Manifest,
    where: str,
    outcome: Literal["Published", "WouldPublish", "AlreadyPublished", "Stale"],
    stale: bool = False,
    unseen: dict[str, int] | None = None,
    note: str = "",
) -> PartitionScored:
    """The outcome of a partition that has a manifest."""
    return PartitionScored(
        outcome=outcome,
        manifest=where,
        stale=stale,
        unseen=unseen or {},
        note=note,
        **manifest.model_dump(include={"partition", "rows_in", "rows_scored", "rows_quarantined", "model_version",
                                       "generation", "inputs"}),
    )  # fmt: skip


def rejected(partition: str, generation: int, error: DataRejected) -> PartitionScored:
    """The outcome of a partition whose data broke its contract: nothing published, and why."""
    return PartitionScored(
        partition=partition, outcome="Rejected", generation=generation, code=error.code, reason=error.what
    )


def summarise(
    project: str,
    partitions: Sequence[PartitionScored],
    partition: str | None = None,
    dry_run: bool = False,
    completeness: Completeness | None = None,
    backfill: Backfill | None = None,
) -> Scored:
    """The whole run's outcome from its partitions'; `partition` is the one that was requested, `backfill` the range."""
    ends, found = {each.outcome for each in partitions}, completeness or Completeness()
    if "Rejected" in ends:
        outcome = "DataRejected"
    elif dry_run:
        outcome = "DryRun"
    else:
        complete = "Published" if "Published" in ends else "AlreadyPublished" if partition else "NothingDue"
        outcome = _with_missing(complete, found.findings)
    return Scored(
        project=project, outcome=outcome, partitions=tuple(partitions),
        stale=tuple(each.partition for each in partitions if each.stale),
        incomplete=found.findings, newest=found.newest, looked_at_all=found.is_whole, backfill=backfill,
    )  # fmt: skip


def _with_missing(outcome: str, missing: Sequence[Finding]) -> str:
    if outcome == "NothingDue" and any(each.kind == "stalled" for each in missing):
        return "SourceStalled"
    return f"{outcome}Incomplete" if missing else outcome
