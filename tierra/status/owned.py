"""Which project file a name belongs to: its rows stand in the status once, and what another file's runs left do not."""

from collections import Counter
from collections.abc import Sequence

from tierra.errors import Misconfigured, TierraError
from tierra.project.project import Project
from tierra.report.index import Run, read_runs
from tierra.steps.owners import check_owner
from tierra.workspace import Workspace

TAKEN = "project-taken"
FLOWS = ("score", "train")
SHOWN_WHEN_FAILED = ("rollback", "promote", "shadow")
RUNS = 300  # of each flow, the newest


def keep_owners(workspace: Workspace, projects: Sequence[Project]) -> tuple[list[Project], dict[str, str]]:
    """The projects less those whose name is another file's, and, by their folders, why those are refused."""
    shared = {name for name, count in Counter(each.name for each in projects).items() if count > 1}
    kept: dict[str, Project] = {}
    refused: dict[str, str] = {}
    for project in projects:
        why = find_refusal(workspace, project) if project.name in shared else ""
        if not why and (other := kept.get(project.name)):
            why = f"its name '{project.name}' is that of {other.file} too, and belongs to neither yet"
        if why:
            refused[project.folder.name] = why
        else:
            kept[project.name] = project
    return list(kept.values()), refused


def read_own_runs(workspace: Workspace, project: Project) -> list[Run]:
    """The project's runs of each flow, newest first, less those of another file that was refused the name."""
    runs = [
        run for flow in (*FLOWS, *SHOWN_WHEN_FAILED) for run in read_runs(workspace.receipts(project.name), flow, RUNS)
    ]
    others = [run for run in runs if f"[{TAKEN}]" in run.error]
    if not others or find_refusal(workspace, project):
        return runs
    return [run for run in runs if run not in others]


def find_refusal(workspace: Workspace, project: Project) -> str:
    """Why the project's name is another file's; empty where it is its own, or nobody can say."""
    try:
        check_owner(workspace, project)
    except Misconfigured as error:
        return error.what if error.code == TAKEN else ""
    except (TierraError, OSError):
        return ""
    return ""
