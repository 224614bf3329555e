"""What a run ends with: expected ends are values, with everything a reader asks for."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from tierra.errors import DataRejected, TierraError
from tierra.model.gate import Verdict
from tierra.spec import Task
from tierra.store.predictions import Manifest


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True)


class Served(_Outcome):
    """A model that serves or was compared: its version, candidate and metrics."""

    version: str | None = None
    candidate: str
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]] = {}

    @property
    def said(self) -> str:
        """Version and candidate as people read them."""
        return f"version {self.version}, {self.candidate}" if self.version else "none yet"


NOTHING_SERVES = Served(candidate="none", metrics={})


class Trained(_Outcome):
    """The end of a training run."""

    project: str
    outcome: Literal["Promoted", "KeptChampion", "DryRun"]
    reason: str
    task: Task = "binary"
    metric: str = ""
    verdict: Verdict
    champion: Served
    rule: Served
    best: Served
    rows: dict[str, int]
    model_sha256: str = ""
    datasets: dict[str, str] = {}
    receipt: str = ""


class PartitionScored(_Outcome):
    """The end of one partition of a scoring run."""

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


class Scored(_Outcome):
    """The end of a scoring run over one or more partitions."""

    project: str
    outcome: Literal["Published", "AlreadyPublished", "NothingDue", "DataRejected", "DryRun"]
    partitions: tuple[PartitionScored, ...] = ()
    stale: tuple[str, ...] = ()
    receipt: str = ""

    @property
    def _meant(self) -> list[PartitionScored]:
        """The partitions the run published, or was asked for; not those it only compared with their source."""
        asked = self.outcome == "AlreadyPublished"
        return [each for each in self.partitions if asked or each.outcome in ("Published", "WouldPublish")]

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


def scored_from(
    manifest: Manifest,
    where: str,
    outcome: Literal["Published", "WouldPublish", "AlreadyPublished", "Stale"],
    stale: bool = False,
    unseen: dict[str, int] | None = None,
) -> PartitionScored:
    """The outcome of a partition that has a manifest."""
    return PartitionScored(
        outcome=outcome,
        manifest=where,
        stale=stale,
        unseen=unseen or {},
        **manifest.model_dump(include={"partition", "rows_in", "rows_scored", "rows_quarantined", "model_version",
                                       "generation", "inputs"}),
    )  # fmt: skip


def summarise(project: str, partitions: list[PartitionScored], asked: bool, dry_run: bool = False) -> Scored:
    """The whole run's outcome from its partitions'; `asked` when one partition was asked for by name."""
    ends = {each.outcome for each in partitions}
    stale = tuple(each.partition for each in partitions if each.stale)
    if "Rejected" in ends:
        outcome = "DataRejected"
    elif dry_run:
        outcome = "DryRun"
    elif "Published" in ends:
        outcome = "Published"
    else:
        outcome = "AlreadyPublished" if asked else "NothingDue"
    return Scored(project=project, outcome=outcome, partitions=tuple(partitions), stale=stale)


def rejection(scored: Scored) -> TierraError | None:
    """The error a run with rejected partitions ends in, naming each; None when none was."""
    rejected = [each for each in scored.partitions if each.outcome == "Rejected"]
    if not rejected:
        return None
    if len(rejected) == 1:
        return DataRejected(rejected[0].code, f"{scored.project} {rejected[0].partition}: {rejected[0].reason}")
    lines = "; ".join(f"{each.partition}: {each.reason}" for each in rejected)
    return DataRejected("several", f"{scored.project}: {len(rejected)} partitions rejected: {lines}")
