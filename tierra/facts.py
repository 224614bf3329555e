"""What a run's steps tell its receipt: one frozen class a fact, noted where it is known, read by its class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tierra.data.profile import Difference, Profile
from tierra.data.quarantine import QuarantineReason
from tierra.journal import Fact, Warned
from tierra.model.balance_found import RowsChanged, WayCompared
from tierra.model.decision_chosen import DecisionChosen
from tierra.model.documents import Document
from tierra.model.evaluation import Evaluation, Histogram
from tierra.model.growing_spec import Cost
from tierra.model.leaks.finding import Leak
from tierra.model.refit import Refit
from tierra.model.release import Champion
from tierra.model.search_found import SearchDone


@dataclass(frozen=True)
class RequestNoted(Fact):
    """What the person who started the run by hand requested."""

    reason: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class ApprovalGiven(Fact):
    """Who decided whether the model may serve, and why, as one line."""

    decision: str


@dataclass(frozen=True)
class ShadowNoted(Fact):
    """A challenger scored a partition beside the champion, as the which of how many."""

    label: str
    partition: str
    done: int
    partitions: int

    def __str__(self) -> str:
        label = self.label[:1].upper() + self.label[1:]
        return f"{label} scored {self.partition} in shadow, {self.done} of {self.partitions} partitions"


@dataclass(frozen=True)
class LatestLagging(Warned):
    """The fixed file or table of consumers is behind what is published."""


@dataclass(frozen=True)
class DaysCounted(Fact):
    """How many rows the first source has of each day, and which day it was, where the run looked at all days."""

    rows: Mapping[date, int]
    today: date


@dataclass(frozen=True)
class SnapshotTaken(Fact):
    """A source was read."""

    source: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class TableProfiled(Fact):
    """What a table looks like, column by column."""

    profile: Profile


@dataclass(frozen=True)
class RowsQuarantined(Fact):
    """Rows of a table were set aside; `location` is empty where the run stopped before they were kept."""

    rows: int
    location: str
    reasons: Sequence[QuarantineReason] = ()

    @property
    def line(self) -> str:
        """How many, and why."""
        why = ", ".join(f"{each.reason} ({each.rows:,})" for each in self.reasons)
        return f"{self.rows:,} rows are set aside: {why}"


@dataclass(frozen=True)
class TablesJoined(Fact):
    """How many rows found no match in each table on the right."""

    orphans: Mapping[str, int]


@dataclass(frozen=True)
class FeaturesBuilt(Fact):
    """Rows whose target is not known yet, which nothing is learnt from."""

    unlabelled: int


@dataclass(frozen=True)
class TableSplit(Fact):
    """The sizes of the parts, and the seed of the draw where there is one."""

    rows: Mapping[str, int]
    seed: int | None


@dataclass(frozen=True)
class PartsCompared(Fact):
    """How validation and test differ from training, feature by feature."""

    differences: Mapping[str, Sequence[Difference]]


@dataclass(frozen=True)
class FeaturesExamined(Fact):
    """How each feature is prepared."""

    treatments: Mapping[str, str]


@dataclass(frozen=True)
class LeaksSearched(Fact):
    """The leaks that were found, those acknowledged in the project file with their reasons."""

    leaks: Sequence[Leak]


@dataclass(frozen=True)
class TimeEstimated(Fact):
    """How long trying the candidates was expected to take, before it began."""

    text: str


@dataclass(frozen=True)
class CandidatesFitted(Fact):
    """The metrics of each candidate on the rows held out, their intervals, and the weights of an ensemble's members.

    And what each costs, why those that cost more were not tried, and which are made of others.
    """

    validation: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    rows: int = 0
    folds: int = 1
    costs: Mapping[str, Cost] = field(default_factory=dict)
    stopped: str = ""
    ensembles: Sequence[str] = ()


@dataclass(frozen=True)
class ParametersSearched(Fact):
    """What searches for the parameters of candidates tried and found."""

    searches: Sequence[SearchDone]


@dataclass(frozen=True)
class BalanceCompared(Fact):
    """Each way to balance each model beside none, and what each does with the rows that are learnt from."""

    ways: Sequence[WayCompared]
    changes: Sequence[RowsChanged]


@dataclass(frozen=True)
class DecisionsChosen(Fact):
    """How the scores of each candidate become decisions, as chosen on the rows held out."""

    chosen: Mapping[str, DecisionChosen]


@dataclass(frozen=True)
class ModelsEvaluated(Fact):
    """What was measured of each model on the test rows."""

    evaluations: Mapping[str, Evaluation]


@dataclass(frozen=True)
class WinnerRefitted(Fact):
    """What passed the gate was fitted once more, on the test rows too."""

    refit: Refit


@dataclass(frozen=True)
class ChampionFound(Fact):
    """The model that serves, or serves since this run."""

    champion: Champion


@dataclass(frozen=True)
class CardsMade(Fact):
    """The cards of the version that serves since this run."""

    version: str
    cards: Sequence[Document]


@dataclass(frozen=True)
class TrainingRecorded(Fact):
    """The MLflow run of a training that registered nothing."""

    run_id: str


@dataclass(frozen=True)
class PartitionPublished(Fact):
    """A partition's predictions became visible."""

    partition: str
    generation: int


@dataclass(frozen=True)
class PartitionDrifted(Fact):
    """How a partition's table differs from the rows the champion was trained on, whose profile is `training`."""

    partition: str
    table: str
    training: Profile
    differences: Sequence[Difference]


@dataclass(frozen=True)
class PartitionPredicted(Fact):
    """How a partition's predictions are distributed, and those of the champion's test rows."""

    scores: Histogram | None
    decided: Mapping[str, int]
    training_scores: Histogram | None
    training_decided: Mapping[str, int]
