"""Running the command as a person does: in a checkout, in a process of its own or, quicker, in this one."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.conftest import ROOT


@dataclass(frozen=True)
class Checkout:
    """A folder that looks like a checkout but keeps its own .env and var."""

    folder: Path
    environment: dict[str, str]

    def tierra(self, *arguments: str, exit_code: int = 0) -> "subprocess.CompletedProcess[str]":
        """Run the command; fail with what it printed unless it ends with the expected code."""
        command = [sys.executable, "-c", "from tierra.cli.commands import main; main()", *arguments]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def call(self, *arguments: str, exit_code: int = 0) -> Result:
        """The same command in this process, which has imported what it needs."""
        from tierra.cli.commands import app

        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr("tierra.logs._ready_for", [])  # each call has a standard error of its own
            done = CliRunner().invoke(app, list(arguments))
        assert done.exit_code == exit_code, f"{arguments}: {done.exit_code}\n{done.output}\n{done.exception!r}"
        assert "Traceback" not in done.output
        return done

    def call_json(self, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
        """The one object a command prints with --json, called in this process."""
        loaded: dict[str, Any] = json.loads(self.call(*arguments, "--json", exit_code=exit_code).stdout)
        return loaded

    def json(self, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
        """The one object a command prints with --json, in a process of its own."""
        loaded: dict[str, Any] = json.loads(self.tierra(*arguments, "--json", exit_code=exit_code).stdout)
        return loaded


def make_checkout(folder: Path, **environment: str) -> Checkout:
    """Link the application into an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("flows", "tasks", "deployments", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    return Checkout(folder, {"PYTHONPATH": str(ROOT), **environment})
