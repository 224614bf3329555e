"""The stations of a run that looks for a smaller champion: steps of the library under Prefect, with our run policy."""

from typing import TYPE_CHECKING

from tasks.approval import approve
from tasks.run.form import RunRequest
from tasks.run.station import station
from tierra import steps
from tierra.model.release import Champion
from tierra.model.variant_measured import VariantMeasured
from tierra.outcomes.optimise import ChampionMeasured, Optimised, describe_variants
from tierra.outcomes.training import Served, Trained
from tierra.project.project import Project
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.steps.evaluate import Judged
    from tierra.steps.fit import FittedCandidates
    from tierra.steps.variants import Variants


@station
def find_champion(workspace: Workspace, project: Project) -> Champion:
    """The model that serves."""
    return steps.champion.find_champion(workspace, project)


@station
def make_variants(
    workspace: Workspace, project: Project, champion: Champion, candidates: "FittedCandidates", promote: str
) -> "Variants":
    """Every variant of the champion that can be made; the one that is to serve must be among them."""
    variants = steps.variants.make_variants(workspace, project, champion, candidates)
    if promote:
        steps.optimise.find_variant(project, variants, promote)
    return variants


@station
def measure_variants(
    workspace: Workspace, project: Project, champion: Champion, variants: "Variants"
) -> tuple[VariantMeasured, ...]:
    """Size, time and metric of each beside the champion's, with intervals, and what the gate says of it."""
    return steps.optimise.measure_variants(workspace, project, champion, variants)


@station
def judge_variant(
    workspace: Workspace, project: Project, champion: Champion, variants: "Variants", name: str
) -> tuple[Project, "Judged"]:
    """The gate's verdict on the variant that is to serve; the use of the test part is counted."""
    return steps.optimise.judge_variant(workspace, project, champion, variants, name)


@station
def register_variant(workspace: Workspace, project: Project, judged: "Judged", reason: str) -> Trained:
    """Let the variant serve, or keep what serves."""
    return steps.register.register_model(workspace, project, judged, reason)


def promote_variant(
    workspace: Workspace, project: Project, champion: Champion, variants: "Variants", name: str, request: RunRequest
) -> Trained:
    """The gate, a person's word where the project asks for one, and the registration, as of any challenger."""
    judged_by, judged = judge_variant(workspace, project, champion, variants, name)
    decided = approve(workspace, judged_by, judged, request)
    return register_variant(workspace, judged_by, decided, request.reason)


def summarise_variants(
    workspace: Workspace, project: Project, champion: Champion, variants: "Variants",
    measured: tuple[VariantMeasured, ...], trained: Trained | None = None,
) -> Optimised:  # fmt: skip
    """The whole run's outcome."""
    release, metric = champion.release, project.gate.metric_name
    served = Served(version=champion.version, candidate=champion.candidate, metrics=release.metrics,
                    intervals=release.intervals)  # fmt: skip
    size = len(workspace.objects.read(champion.model.name))
    return Optimised(
        project=project.name,
        outcome=trained.outcome if trained else "VariantsMeasured",
        reason=trained.sentence if trained else describe_variants(measured, variants.margin, metric),
        metric=metric, margin=variants.margin, rows=variants.parts.test.rows,
        champion=ChampionMeasured(served=served, bytes=size), variants=measured, trained=trained,
    )  # fmt: skip
