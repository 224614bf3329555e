"""Searching for the parameters of candidates that ask for it, before candidates are tried."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tierra.engine import is_on_ray
from tierra.facts import ParametersSearched
from tierra.journal import advance, note
from tierra.model.balanced_candidates import names_by_way
from tierra.model.candidates import build_estimator
from tierra.model.parameters import require_parameters
from tierra.model.search import Plan, Start, alone, best_of, finished, importance_of, run_trials, take_up
from tierra.model.search_found import SearchDone, TrialDone
from tierra.model.search_problem import Problem
from tierra.model.search_spec import Search, Space
from tierra.model.spec import Model
from tierra.processes import SERVER, run_apart
from tierra.project.project import Project
from tierra.steps.learning import Learning, inputs_of
from tierra.steps.own import own_classes
from tierra.store.memo import code_version, digest, remember
from tierra.store.objects import MemoryObjects
from tierra.temporary import prefix

FOLDER = "searches"
PRELOAD = ("tierra.model.search",)


def search_parameters(learning: Learning) -> tuple[SearchDone, ...]:
    """The parameters of each candidate that states a search.

    A way to balance a candidate takes the parameters of the candidate as it is.
    """
    found = tuple(_search(learning, each) for each in _searching(learning.project))
    if found:
        note(ParametersSearched(found))
    return found


def with_found(project: Project, found: tuple[SearchDone, ...]) -> Project:
    """The project with the parameters that were found in place of the searches."""
    params = {each.candidate: each.params for each in found}
    ways = names_by_way(project.candidates or (), project.balance)
    params |= {name: params[model] for model in ways if model in params for name in ways[model].values()}
    candidates = [
        (
            each.model_copy(update={"params": {**each.params, **params[each.name]}, "search": None})
            if isinstance(each, Model) and each.name in params
            else each
        )
        for each in project.candidates or ()
    ]
    return project.model_copy(update={"candidates": tuple(candidates)})


def _searching(project: Project) -> list[Model]:
    ways = names_by_way(project.candidates or (), project.balance)
    balanced = {name for model in ways for name in ways[model].values() if name != model}
    return [each for each in project.candidates or () if isinstance(each, Model) and each.search
            and each.name not in balanced]  # fmt: skip


def _search(learning: Learning, candidate: Model) -> SearchDone:
    search = candidate.search
    assert search
    # More trials or time take the same study up; other rows, space or code are another study.
    inputs = inputs_of(learning, candidate.model_copy(update={"search": None}))
    metric = search.metric or learning.project.gate.metric_name
    study = digest([inputs, metric, search.model_dump(exclude={"trials", "seconds"}), code_version(__name__)])
    return remember(learning.workspace.objects, __name__, [study, search], SearchDone,
                    lambda: _run(learning, candidate, search, study),
                    is_valid=lambda done: len(done.trials) >= search.trials)  # fmt: skip


def _run(learning: Learning, candidate: Model, search: Search, study: str) -> SearchDone:
    space = search.space_of(candidate.model)
    assert space  # checked with the project file
    estimator = build_estimator(candidate, learning.rows, own_classes(learning.project))
    require_parameters(candidate, type(estimator), space)
    with _journal(learning, study) as journal, alone(journal):
        return _go_on(_plan(learning, candidate, search, space, journal), learning.workspace.settings.ray_address)


def _plan(learning: Learning, candidate: Model, search: Search, space: Space, journal: Path) -> Plan:
    project = learning.project
    if search.engine == "optuna" and is_on_ray(learning.workspace):
        search = search.model_copy(update={"engine": "ray-optuna"})  # the same suggestions, tried by all nodes
    problem = Problem(
        candidate=candidate.model_copy(update={"search": None}), rows=learning.rows, folds=learning.folds,
        metric=search.metric or project.gate.metric_name, preprocessing=project.preprocessing, folder=project.folder,
        functions=project.balance_functions, own=own_classes(project),
    )  # fmt: skip
    return Plan(problem, search, space, journal, time.time() + search.seconds if search.seconds else None)


def _go_on(plan: Plan, address: str) -> SearchDone:
    """Try what is left, on as many processes as there are processors."""
    started, start = time.perf_counter(), take_up(plan)
    left, name = max(plan.search.trials - len(start.before), 0), plan.problem.candidate.name
    processes = min(_processors(), left)
    if left:
        processes = _try_left(plan, start, left, processes, address)
    trials = finished(plan.open())
    best = best_of(trials, name)
    return SearchDone(
        candidate=name, engine=plan.search.engine, metric=plan.problem.metric, wanted=plan.search.trials,
        params=best.params, value=best.value or 0.0, trials=tuple(trials), reused=len(start.before),
        again=start.cut_off, importance=importance_of(plan), seconds=time.perf_counter() - started,
        processes=processes, location=str(plan.journal),
    )  # fmt: skip


def _try_left(plan: Plan, start: Start, left: int, processes: int, address: str) -> int:
    """Try what is left, and say how far it is; by how many processes at once."""
    counted = count(len(start.before) + 1)

    def tell(_: TrialDone) -> None:
        advance(min(next(counted), plan.search.trials), plan.search.trials, f"trials of {plan.problem.candidate.name}")

    if plan.search.engine == "optuna":
        tickets = SERVER.Semaphore(left)
        for each in run_apart(run_trials, list(range(processes)), plan, tickets, preload=PRELOAD):
            tell(each)
        return processes
    from tierra.model.search_ray import run_on_ray  # an extra

    return run_on_ray(plan, start.points, left, processes, address, tell)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _journal(learning: Learning, study: str) -> Iterator[Path]:
    """Where the study is kept: in the home; of a trial that keeps nothing, in a temporary folder."""
    if isinstance(learning.workspace.store, MemoryObjects):
        with tempfile.TemporaryDirectory(prefix=prefix()) as folder:
            yield Path(folder) / "study.log"
    else:
        yield learning.workspace.settings.root / FOLDER / f"{study[:40]}.log"
