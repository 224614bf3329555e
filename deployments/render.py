"""prefect.yaml, rendered from the plan: `python -m deployments.render [--check]`."""

import sys
from pathlib import Path
from typing import Any

import yaml

from deployments.plan import Deployment, load_projects, plan, run_command
from deployments.times import times_of
from tasks.server.names import POOL
from tierra.project.schedule import When

FILE = Path("prefect.yaml")
FOLDER = "{{ $PWD }}"
COMMAND = run_command(f"{FOLDER}/.venv/bin/python", FOLDER)
HEAD = """\
# Rendered from the projects by `make render`; edit projects/*/project.yaml instead.
# `tierra deploy` puts the same on a server, with the automations; this file is for `prefect deploy --all`.
"""


def render(deployments: list[Deployment]) -> str:
    """The text of prefect.yaml."""
    content = {
        "name": "tierra",
        # Workers run flows in the folder that `prefect deploy` was run in.
        "pull": [{"prefect.deployments.steps.set_working_directory": {"directory": FOLDER}}],
        "deployments": [_entry(each) for each in deployments],
    }
    return HEAD + yaml.safe_dump(content, sort_keys=False, width=110)


def _entry(deployment: Deployment) -> dict[str, Any]:
    return {
        "name": deployment.project,
        "entrypoint": deployment.entrypoint,
        "description": deployment.description,
        "tags": list(deployment.tags),
        "parameters": deployment.parameters,
        "schedules": [_schedule(each) for each in deployment.times],
        "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
        "work_pool": {"name": POOL, "job_variables": {"command": COMMAND, "env": deployment.environment}},
    }


def _schedule(when: When) -> dict[str, Any]:
    parameters = {"parameters": when.parameters} if when.parameters else {}
    return {**times_of(when), "timezone": when.timezone, "active": True, **parameters}


def main(arguments: list[str]) -> int:
    """Write prefect.yaml; with --check, only check that it is up to date."""
    text = render(plan(load_projects(Path("projects"))))
    if "--check" not in arguments:
        FILE.write_text(text)
        return 0
    if FILE.is_file() and FILE.read_text() == text:
        return 0
    print("prefect.yaml is out of date: run make render", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
