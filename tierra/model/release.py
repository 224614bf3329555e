"""A release: what is registered beside a model, so that what was judged is what serves."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tierra.data.labels import Labels
from tierra.data.spec import ColumnType
from tierra.model.evaluation import Histogram
from tierra.model.gate import Intervals, Verdict
from tierra.model.leaks.finding import Leak
from tierra.model.refit import Refit
from tierra.store.memo import digest
from tierra.store.refs import ObjectRef


class Release(BaseModel):
    """Everything about a registered model but the model itself. `model_sha256` is the digest of the store's object."""

    model_config = ConfigDict(frozen=True)

    project: str
    candidate: str
    inputs: str
    model_sha256: str
    metric: str = ""
    metrics: dict[str, float]
    rule_metrics: dict[str, float]
    intervals: Intervals = {}
    labels: Labels = Labels()
    scores: Histogram | None = None
    decided: dict[str, int] = {}
    profile: ObjectRef | None = None
    verdict: Verdict
    reason: str = ""
    code: dict[str, str]
    project_file: str
    contract: str
    datasets: dict[str, str]
    types: dict[str, str]
    schemas: dict[str, dict[str, ColumnType]] = {}
    content: tuple[str, ...] = ()
    features: tuple[str, ...]
    rows: dict[str, int]
    libraries: dict[str, str]
    evaluations: ObjectRef | None = None
    learnt: ObjectRef | None = None
    leaks: tuple[Leak, ...] = ()
    refit: Refit | None = None
    cards: dict[str, ObjectRef] = {}
    own: tuple[str, ...] = ()

    @property
    def text(self) -> bytes:
        """The release as it is stored: one of a version before, which kept less, to the byte as it was."""
        named = ("evaluations", "schemas", "content", "learnt", "leaks", "cards", "refit", "own")
        exclude: dict[str, Any] = {name: True for name in named if not getattr(self, name)}
        exclude |= {} if self.verdict.checks else {"verdict": {"checks"}}
        return self.model_dump_json(exclude=exclude).encode()

    @property
    def serving_digest(self) -> str:
        """Digest of the code and the recipe that make its features."""
        return digest([self.code, self.project_file])


class Version(BaseModel):
    """Where MLflow shows a model; all empty when it does not."""

    model_config = ConfigDict(frozen=True)

    version: str = ""
    run_id: str = ""
    experiment_id: str = ""


class Champion(Version):
    """The registered model that serves, since when, by whose word and why."""

    number: int
    registered: AwareDatetime
    who: str
    why: str
    where: str = ""
    release: Release
    model: ObjectRef
    code: dict[str, ObjectRef]

    @property
    def candidate(self) -> str:
        """The name of the candidate it was."""
        return self.release.candidate
