"""The traps of the notes this project grew from, each planted as a project would fall into it.

A trap returns the line that names it; an empty one was not caught.
"""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tests.champions import fit_project
from tests.planted_leaks import Project, search, twins, visits
from tierra.errors import TierraError
from tierra.model.artifact import load_model
from tierra.model.champions import Champions
from tierra.settings import load_settings
from tierra.steps.champion import current_champion, open_scorer
from tierra.workspace import Workspace, open_workspace

FEATURES: dict[str, Any] = {"features": "features:build"}


def _line(project: Project, folder: Path) -> str:
    """The line with which the project is refused, when it is read or when it is trained."""
    try:
        return search(project.write(folder))[1]
    except TierraError as error:
        return str(error)


def a_scaler_fitted_and_not_applied(folder: Path) -> str:
    """Training fits and applies it; the few rows of a night are passed on as they are."""
    code = (
        "from sklearn.preprocessing import StandardScaler\n\nSCALER = StandardScaler()\n\n\ndef build(rows):\n"
        "    numbers = rows[['age', 'stay']]\n    if len(rows) > 500:\n"
        "        return numbers.assign(age=SCALER.fit_transform(numbers)[:, 0])\n    return numbers\n"
    )
    line = _line(Project({"visits": visits(0)}, FEATURES, code), folder)
    return line if "features:build: 'age' of a row is other among 64 rows than among all" in line else ""


def stratify_never_read(folder: Path) -> str:
    """A key that nothing reads is refused; the one that is read is obeyed."""
    line = _line(Project({"visits": visits(0)}, {"split": {"stratify": "returned"}}), folder)
    from tierra.steps.features import build_features
    from tierra.steps.parts import read_part, split_table
    from tierra.steps.pull import pull_sources
    from tierra.steps.validate import validate_tables

    workspace = open_workspace()
    project = workspace.project(str(Project({"visits": visits(0)}, {"split": {"by": "stratified"}}).write(folder)))
    table = build_features(workspace, project, validate_tables(workspace, project, pull_sources(workspace, project)))
    parts = split_table(workspace, project, table)
    shares = [read_part(workspace, parts, name).target.mean() for name in ("train", "validation", "test")]
    return line if "unknown key 'stratify'" in line and max(shares) - min(shares) < 0.005 else ""


def a_hook_that_logs_and_goes_on(folder: Path) -> str:
    """What is broken stops the run; to log and go on cannot be asked for."""
    expectation = {"type": "expect_column_values_to_be_between", "column": "age", "max_value": 60}
    lines = [
        _line(Project({"visits": visits(0)}, {"contract": {"expectations": [{**expectation, "on_fail": how}]}}), folder)
        for how in ("stop", "log")
    ]
    caught = "expectation-failed" in lines[0] and "'stop', 'quarantine' or 'warn'" in lines[1]
    return lines[0] if caught else ""


def features_in_two_lists(folder: Path) -> str:
    """One order for training, and another, kept by hand, for the rows of a night."""
    code = (
        "TRAINED = ['age', 'stay', 'pressure']\nSERVED = ['age', 'pressure', 'stay']\n\n\ndef build(rows):\n"
        "    return rows[TRAINED if len(rows) > 500 else SERVED]\n"
    )
    line = _line(Project({"visits": visits(0)}, FEATURES, code), folder)
    return line if "features:build: 'column order'" in line else ""


def a_swallowed_failure(folder: Path) -> str:
    """A decorator that catches, logs and returns nothing."""
    code = (
        "import functools\nimport logging\n\n\ndef catch(function):\n    @functools.wraps(function)\n"
        "    def inner(*frames):\n        try:\n            return function(*frames)\n        except Exception:\n"
        "            logging.getLogger('hook').debug('failed')\n    return inner\n\n\n@catch\ndef build(rows):\n"
        "    return rows[['agee', 'stay']]\n"
    )
    line = _line(Project({"visits": visits(0)}, FEATURES, code), folder)
    return line if "features:build returned NoneType, not a DataFrame" in line else ""


def identical_rows_on_both_sides(folder: Path) -> str:
    line = _line(twins(0, leaks=True), folder)
    return line if "test rows have the features of a training row" in line else ""


def a_pickled_model(folder: Path) -> str:
    """Neither a project nor the registry takes one: what serves went through the gate, with its signature."""
    data = pickle.dumps(pd.DataFrame({"a": [1]}))
    asked = _line(Project({"visits": visits(0)}, {"candidates": [{"model": "models/model.pkl"}]}), folder)
    try:
        import hashlib

        load_model(data, hashlib.sha256(data).hexdigest(), "models/model.pkl")
    except TierraError as error:
        return str(error) if "artifact-unsafe" in str(error) and "estimator of scikit-learn" in asked else ""
    return ""


def a_session_a_request(folder: Path) -> str:
    """However often a run opens the champion, it is read and loaded once."""
    fitted = fit_project(folder / "rides")
    fitted.appoint(Workspace(load_settings()).objects)
    workspace, loads = open_workspace(), []
    whole = Champions.load

    def counted(self: Champions, champion: Any, *own: Any) -> Any:
        loads.append(champion.version)
        return whole(self, champion, *own)

    Champions.load = counted  # type: ignore[method-assign]
    try:
        for _ in range(20):
            champion = current_champion(workspace, fitted.project)
            assert champion
            open_scorer(workspace, fitted.project, champion)
    finally:
        Champions.load = whole  # type: ignore[method-assign]
    return f"20 requests, {len(loads)} load" if len(loads) == 1 else ""


TRAPS: dict[str, Callable[[Path], str]] = {
    "a scaler fitted and not applied": a_scaler_fitted_and_not_applied,
    "stratify configured and never read": stratify_never_read,
    "a validation hook that logs and goes on": a_hook_that_logs_and_goes_on,
    "the order of features in two lists": features_in_two_lists,
    "a failure swallowed by a decorator": a_swallowed_failure,
    "identical rows on both sides of a split": identical_rows_on_both_sides,
    "a pickled model without signature and gate": a_pickled_model,
    "a whole session for each request": a_session_a_request,
}


def lines(folder: Path) -> Iterator[tuple[str, str]]:
    """Each trap, and the line that names it."""
    for number, (name, trap) in enumerate(TRAPS.items()):
        yield name, trap(folder / f"trap-{number}")
