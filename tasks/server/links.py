"""Where links into Prefect's pages lead; the templates of deployments/alert.py lead to the same."""

import re
from pathlib import Path
from typing import Final

from tasks.server.names import PAGES

# Runs that end in these states may have left no summary.
WITHOUT_SUMMARY: Final = ("GivenUp", "Failed", "Crashed", "Paused")


def artifact_key(flow: str, project: str) -> str:
    """The key of a run's summary: flow and project, in what Prefect allows."""
    return "-".join(re.findall("[a-z0-9]+", f"{flow}-{Path(project).stem}".lower()))


def run_page(ui: str, run: object) -> str:
    """A run's own page."""
    return f"{ui}{PAGES}/runs/flow-run/{run}"


def reason_page(ui: str, run: object, flow: str, project: str, state: str) -> str:
    """What begins with the reason: the run's summary where it left one, else its page."""
    if not project or state in WITHOUT_SUMMARY:
        return run_page(ui, run)
    return f"{ui}{PAGES}/artifacts/key/{artifact_key(flow, project)}"
