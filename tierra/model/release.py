"""A release: what is registered beside a model, so that what was judged is what serves."""

from pydantic import BaseModel, ConfigDict

from tierra.model.gate import Verdict


class Release(BaseModel):
    """Everything about a registered model but the model itself."""

    model_config = ConfigDict(frozen=True)

    project: str
    candidate: str
    inputs: str
    model_sha256: str
    metrics: dict[str, float]
    rule_metrics: dict[str, float]
    verdict: Verdict
    code: dict[str, str]
    project_file: str
    contract: str
    datasets: dict[str, str]
    types: dict[str, str]
    features: tuple[str, ...]
    rows: dict[str, int]
    histogram: tuple[int, ...] = ()
    libraries: dict[str, str]


class Champion(BaseModel):
    """The registered model that serves."""

    model_config = ConfigDict(frozen=True)

    version: str
    run_id: str
    model_uri: str
    folder: str
    release: Release

    @property
    def candidate(self) -> str:
        """The name of the candidate it was."""
        return self.release.candidate
