"""Fitting the winner on all labelled rows after the gate, where the project asks for it."""

import numpy as np
import pandas as pd

from tierra.facts import WinnerRefitted
from tierra.journal import note, warn
from tierra.model.admission import taken_of, takes
from tierra.model.artifact import predict
from tierra.model.examples import Examples
from tierra.model.refit import Refit
from tierra.model.spec import LOWER_IS_BETTER
from tierra.model.training import measure, scorers_of
from tierra.project.project import Project
from tierra.steps.evaluate import Judged
from tierra.steps.fit import Fitted, fit_on, load_fitted
from tierra.steps.learning import Learning
from tierra.steps.parts import read_part
from tierra.steps.search import with_found
from tierra.store.refs import ObjectRef
from tierra.workspace import Workspace


def refit_winner(workspace: Workspace, project: Project, judged: Judged, winner: Fitted) -> tuple[Fitted, Refit | None]:
    """The model to serve: the winner as it was judged, or fitted on the test rows too, and what that changed.

    Where the one of all rows does not stay within the interval of the judged one, this serves, with a warning. A
    variant of a champion is no candidate, and serves as it was judged.
    """
    if project.refit != "all" or winner.candidate not in judged.choice.tried:
        return winner, None
    choice, test = judged.choice, read_part(workspace, judged.choice.parts, "test")
    learning = Learning(workspace, with_found(project, choice.searches), choice.parts)
    every = _both(learning.rows, test)
    found = fit_on(learning, choice.tried, winner.candidate, every)
    refit = _compare(workspace, project, judged, winner, found, test, every)
    if refit.holds:
        note(WinnerRefitted(refit))
        return found, refit
    warn(f"the model of all rows does not serve: {refit.line}")
    return winner, None


def _compare(
    workspace: Workspace, project: Project, judged: Judged, winner: Fitted, found: Fitted, test: Examples,
    every: Examples,
) -> Refit:  # fmt: skip
    before, after = (load_fitted(workspace, project, each) for each in (winner, found))
    test, rows = taken_of(test, before), int(takes(after, every.table).sum())
    metric, scores = project.gate.metric_name, judged.scores
    intervals = scores.rule_intervals if winner.candidate == "rule" else scores.best_intervals
    scorers = scorers_of(test.labels, project.gate, ())
    values = [measure(model, test, scorers)[metric] for model in (before, after)]
    low, high = intervals.get(metric, (values[0], values[0]))
    decided = [predict(model, test.table, test.labels).decision for model in (before, after)]
    changed = None if test.labels.task == "regression" else float(np.mean(decided[0] != decided[1]))
    judged_as = ObjectRef(name=winner.name, sha256=winner.sha256)
    return Refit(judged=judged_as, rows=rows, metric=metric, before=values[0], after=values[1], changed=changed,
                 least=high if metric in LOWER_IS_BETTER else low)  # fmt: skip


def _both(first: Examples, second: Examples) -> Examples:
    """The rows of two parts together."""
    weight = None if first.weight is None or second.weight is None else np.concatenate([first.weight, second.weight])
    table = pd.concat([first.table, second.table], ignore_index=True)
    return Examples(table, np.concatenate([first.target, second.target]), first.labels, weight)
