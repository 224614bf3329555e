"""What the warm parent imports is what runs import, and leaves nothing open that must not cross a fork."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.worker.linux import CAN_FORK
from tests.builders import CLOCK, ride_spec, write_project
from tests.conftest import ROOT

TRAIN = "from tests.direct import train_directly; train_directly('rides')"
PROGRAM = """
import json, os, sys
from deployments.worker.linux import count_sockets, list_threads
from deployments.worker.preload import NO_THREADS, preload

os.environ.update(NO_THREADS)
problems = preload()
found = {"problems": problems, "threads": list_threads(), "sockets": count_sockets()}
import tests.direct
before = set(sys.modules)
scored, _ = tests.direct.score_directly("rides")
new = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(json.dumps(found | {"new": sorted(new), "outcome": type(scored).__name__}))
"""


@pytest.mark.skipif(not CAN_FORK, reason="only Linux forks runs")
@pytest.mark.long
def test_a_scoring_imports_nothing_that_was_not_imported_for_it(workspace: Path) -> None:
    write_project(workspace / "projects" / "rides", ride_spec())
    variables = {
        name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "PREFECT_API_URL")
    }
    for program in (TRAIN, PROGRAM):
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=workspace, capture_output=True, text=True,
            env={**variables, "PYTHONPATH": str(ROOT), "TIERRA_CLOCK": CLOCK},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["outcome"] == "Scored"
    assert (found["problems"], found["threads"], found["sockets"]) == ([], [], 0)
    # What scikit-learn looks into tables with is loaded by kind of table: a moment, and no public name to import.
    assert set(found["new"]) <= {"narwhals"}
