"""Whether a night's rows are like those that the champion's promises were made on."""

from collections.abc import Mapping
from dataclasses import dataclass

from tierra.journal import warn
from tierra.model.evaluation import Histogram
from tierra.model.release import Release
from tierra.project.project import Project
from tierra.steps.profile import Drift
from tierra.store.refs import ObjectRef
from tierra.store.values import read_value
from tierra.workspace import Workspace


@dataclass(frozen=True)
class Night:
    """What was predicted of a partition, what the model promises of it, and how its rows differ from the training's."""

    partition: str
    promise: str
    scores: Histogram | None
    decided: Mapping[str, int]
    drift: ObjectRef | None


def warn_of_shift(workspace: Workspace, project: Project, release: Release, night: Night) -> None:
    """Warn that a promise is off, where predictions, or rows, are not like those of the training.

    Of features only where the project asks for the promise: a month is never like the year.
    """
    from tierra.model.promises import find_shift, strong_inputs

    is_declared = project.decision.review or project.decision.interval
    differences = read_value(workspace.objects, night.drift, Drift).differences if night.drift and is_declared else ()
    found = [find_shift(night.scores, release.scores, night.decided, release.decided),
             *strong_inputs(differences, release.features)]  # fmt: skip
    if why := "; ".join(filter(None, found)):
        warn(f"{night.partition}: the promise {night.promise} is off: {why}")
