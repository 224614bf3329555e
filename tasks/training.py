"""The stations of a training: steps of the library under Prefect, with our run policy."""

from typing import TYPE_CHECKING

from tasks.run.station import station
from tierra import steps
from tierra.project.project import Project
from tierra.workspace import Workspace

if TYPE_CHECKING:
    from tierra.outcomes.training import Trained
    from tierra.steps.evaluate import Evaluated, Judged
    from tierra.steps.features import FeatureTable
    from tierra.steps.fit import Choice, FittedCandidates
    from tierra.steps.parts import Parts
    from tierra.steps.pull import Snapshots
    from tierra.steps.validate import CleanTables


@station
def open_project(workspace: Workspace, name: str, take_over: bool = False) -> Project:
    """Read the project file, import its functions and look whose its name is, so that mistakes show first."""
    project = steps.pull.open_project(workspace, name)
    steps.sink_names.check_sink_names(workspace, project)
    steps.owners.check_owner(workspace, project, take_over)
    return project


@station
def pull_sources(workspace: Workspace, project: Project) -> "Snapshots":
    """Every source in full; the first up to `until`."""
    snapshots = steps.pull.pull_sources(workspace, project)
    steps.compare.profile_sources(workspace, project, snapshots)
    return snapshots


@station
def validate_tables(workspace: Workspace, project: Project, snapshots: "Snapshots") -> "CleanTables":
    """The clean rows of every table."""
    return steps.validate.validate_tables(workspace, project, snapshots)


@station
def build_features(
    workspace: Workspace, project: Project, clean: "CleanTables", replace_champion: bool
) -> "FeatureTable":
    """Join, prepare day by day, and make features and target of every row, with the champion's classes and sides."""
    known = None if replace_champion else steps.champion.champion_labels(workspace, project)
    content = steps.champion.champion_content(workspace, project)
    table = steps.features.build_features(workspace, project, clean, known, content)
    steps.sink_names.check_sink_names(workspace, project, table.labels)
    return table


@station
def split_table(workspace: Workspace, project: Project, table: "FeatureTable") -> "Parts":
    """Train, validation and test: by time, at random, by class or by group."""
    parts = steps.parts.split_table(workspace, project, table)
    steps.compare.compare_parts(workspace, project, parts)
    return parts


@station
def fit_candidates(workspace: Workspace, project: Project, parts: "Parts") -> "FittedCandidates":
    """Every candidate tried on folds of the rows that are not test, its threshold set on what was held out."""
    steps.balance.check_conditions(project, parts)
    steps.set_aside.check_set_aside(workspace, project, parts)
    return steps.fit.fit_candidates(workspace, project, parts)


@station
def choose_candidate(workspace: Workspace, project: Project, candidates: "FittedCandidates") -> "Choice":
    """The model that is best on the rows held out, and the rule, both fitted on all rows that are not test."""
    return steps.fit.choose_candidate(workspace, project, candidates)


@station
def evaluate_models(workspace: Workspace, project: Project, choice: "Choice", replace_champion: bool) -> "Evaluated":
    """Metrics of the best, the rule and the champion on the same test rows."""
    return steps.evaluate.evaluate_models(workspace, project, choice, replace_champion)


@station
def judge(workspace: Workspace, project: Project, evaluated: "Evaluated", dry_run: bool) -> "Judged":
    """Whether a model passed the gate, with every reason; the use of the test part is counted unless the run is dry."""
    return steps.evaluate.judge(workspace, project, evaluated, dry_run)


@station
def register_model(
    workspace: Workspace, project: Project, judged: "Judged", reason: str, take_over: bool = False
) -> "Trained":
    """Make the winner the champion, or keep what serves, once the names are this project's."""
    steps.owners.claim_names(workspace, project, take_over)
    return steps.register.register_model(workspace, project, judged, reason)


@station
def preview_model(workspace: Workspace, project: Project, judged: "Judged") -> "Trained":
    """What registering would end with; nothing is registered."""
    return steps.register.preview_model(workspace, project, judged)
