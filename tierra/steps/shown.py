"""What MLflow shows: the champion under its alias, and the trials of searches. It only shows: no run ends by it."""

from tierra.errors import TierraError
from tierra.journal import warn
from tierra.model.release import Champion
from tierra.model.view import alias_of, describe_move, is_server
from tierra.project.project import Project
from tierra.steps.evaluate import Judged
from tierra.workspace import Workspace


def show_champion(workspace: Workspace, champion: Champion | None, is_new: bool = False) -> None:
    """Let MLflow's alias name what serves now, and warn where it was moved. MLflow only shows: no run ends by it."""
    if champion is None:
        return
    name, address = champion.release.project, workspace.mlflow_address
    try:
        latest = workspace.champions.latest(name)
        if latest is None or not latest.version:
            return
        aliases = workspace.recorder().shown(name) if is_server(address) else alias_of(address, [name])
        if difference := describe_move(name, latest.version, aliases):
            workspace.recorder().show(name, latest.version)
            # Another training may have promoted meanwhile: that is no hand that moved the alias.
            if not is_new and latest.number == champion.number:
                warn(f"{difference}; it was set back")
    except TierraError as error:
        warn(f"MLflow does not show version {champion.version} as champion: {error.what}")


def record_trials(workspace: Workspace, project: Project, judged: Judged, run_id: str) -> None:
    """Show the trials of searches in MLflow; what it does not take stands in the study, and stops no training."""
    if not judged.choice.searches:
        return
    try:
        workspace.recorder().record_trials(project.name, run_id, judged.choice.searches)
    except TierraError as error:
        warn(f"MLflow does not show every trial: {error.what}")
