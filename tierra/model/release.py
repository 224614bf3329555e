"""A release: what is registered beside a model, so that what was judged is what serves."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from tierra.data.labels import Labels
from tierra.model.evaluation import Histogram
from tierra.model.gate import Intervals, Verdict
from tierra.store.memo import digest
from tierra.store.refs import ObjectRef


class Release(BaseModel):
    """Everything about a registered model but the model itself."""

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
    features: tuple[str, ...]
    rows: dict[str, int]
    libraries: dict[str, str]

    @property
    def serving_digest(self) -> str:
        """Digest of the code and the recipe that make its features."""
        return digest([self.code, self.project_file])


class Champion(BaseModel):
    """The registered model that serves."""

    model_config = ConfigDict(frozen=True)

    version: str
    run_id: str
    model_uri: str
    folder: str
    release: Release
    registered: datetime | None = None
    experiment_id: str = ""

    @property
    def candidate(self) -> str:
        """The name of the candidate it was."""
        return self.release.candidate
