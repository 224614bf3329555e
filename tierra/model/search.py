"""Searches with Optuna: a study in a file that a killed search is taken up from, and processes that try parameters.

Every engine keeps its finished trials in the same kind of study. What is counted are finished trials: one that was
killed stays RUNNING in a study for ever. It is closed, and its parameters are tried again.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_limits

from tierra.errors import Misconfigured, TierraError
from tierra.model.search_found import State, TrialDone
from tierra.model.search_problem import Problem
from tierra.model.search_spec import Range, Search, Space

NAME: Final = "search"
# Attributes of a trial: why it failed, and what it took.
ERROR, SECONDS = "error", "seconds"
STATES: Final[dict[TrialState, State]] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
STARTUP: Final = 5


@dataclass(frozen=True)
class Plan:
    """A search of a candidate's parameters: what is tried, where that is kept, and until when."""

    problem: Problem
    search: Search
    space: Space
    journal: Path
    until: float | None = None

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What each parameter may be, as Optuna has it."""
        return {name: _distribution(each) for name, each in self.space.items()}

    def open(self, seed: int = 0) -> Study:
        """The study, made where there is none; its suggestions are those of a seed."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = JournalStorage(JournalFileBackend(str(self.journal)))
        sampler = optuna.samplers.TPESampler(seed=(self.search.seed + seed) % 2**31)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP) if self.search.pruning else None
        return optuna.create_study(
            storage=storage, study_name=NAME, direction="maximize", load_if_exists=True, sampler=sampler,
            pruner=pruner or optuna.pruners.NopPruner(),
        )  # fmt: skip


@contextmanager
def alone(journal: Path) -> Iterator[None]:
    """Let no other run on this machine search in the same study meanwhile; it waits, and finds what is finished."""
    import fcntl

    journal.parent.mkdir(parents=True, exist_ok=True)
    with open(journal.with_suffix(".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Start:
    """Where a search begins: trials that a run before finished, how many it was killed in, and what is tried first."""

    before: list[TrialDone]
    cut_off: int
    points: list[dict[str, Any]]


def take_up(plan: Plan) -> Start:
    """Where a run before left off. A new study begins with the parameters that the candidate has without a search."""
    study = plan.open()
    cut_off = study.get_trials(states=[TrialState.RUNNING])
    for each in cut_off:
        study.tell(each.number, state=TrialState.FAIL)
    points = [each.params for each in cut_off if each.params]
    if not study.get_trials(deepcopy=False):
        points.append(_within(plan.problem.defaults(list(plan.space)), plan.distributions))
    if plan.search.engine == "optuna":
        for point in points:
            study.enqueue_trial(point)
    return Start(finished(study), len(cut_off), points)


def finished(study: Study) -> list[TrialDone]:
    """The trials that came to an end, not those that were killed."""
    ended = study.get_trials(deepcopy=False, states=tuple(STATES))
    return [_done(each) for each in ended if each.state != TrialState.FAIL or ERROR in each.user_attrs]


def run_trials(plan: Plan, tickets: Any, number: int) -> Iterator[TrialDone]:
    """Try parameters, one set for each ticket that is left, until the time is over: the work of one process."""
    study = plan.open(1 + number + 1000 * os.getpid())
    with threadpool_limits(1):
        while not _is_over(plan) and tickets.acquire(block=False):
            yield _try(plan, study)


def importance_of(plan: Plan) -> dict[str, float]:
    """How much of the metric's spread each parameter explains; nothing where too few trials say."""
    study = plan.open()
    values = {each.value for each in finished(study) if each.state == "complete"}
    if len(values) < 4 or len(plan.space) < 2:
        return {}
    try:
        found = optuna.importance.get_param_importances(study)
    except (ValueError, RuntimeError, ZeroDivisionError):  # parameters that never changed, or all values alike
        return {}
    return {name: float(share) for name, share in found.items()}


def _try(plan: Plan, study: Study) -> TrialDone:
    trial, started = study.ask(fixed_distributions=plan.distributions), time.perf_counter()

    def goes_on(fold: int, value: float) -> bool:
        trial.report(value, fold)
        return not trial.should_prune()

    try:
        value, is_whole = plan.problem.value(trial.params, goes_on)
    except TierraError as error:
        trial.set_user_attr(
            ERROR, error.what.splitlines()[0].removeprefix(f"candidate {plan.problem.candidate.name}: ")
        )
        return _done(study.tell(trial, state=TrialState.FAIL))
    trial.set_user_attr(SECONDS, time.perf_counter() - started)
    # A pruned trial has the value that it reported last.
    return _done(study.tell(trial, value) if is_whole else study.tell(trial, state=TrialState.PRUNED))


def _done(trial: FrozenTrial) -> TrialDone:
    attributes = trial.user_attrs
    return TrialDone(
        number=trial.number, params=trial.params, state=STATES[trial.state],
        value=trial.value if trial.values else None, seconds=attributes.get(SECONDS, 0.0),
        error=attributes.get(ERROR, ""),
    )  # fmt: skip


def _is_over(plan: Plan) -> bool:
    return plan.until is not None and time.time() >= plan.until


def _distribution(values: Range | tuple[Any, ...]) -> BaseDistribution:
    if isinstance(values, tuple):
        return CategoricalDistribution(values)
    if values.is_whole:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(float(values.low), float(values.high), log=values.log)


def _within(params: dict[str, Any], space: dict[str, BaseDistribution]) -> dict[str, Any]:
    """The parameters that lie in the space."""
    return {name: value for name, value in params.items() if _holds(space[name], value)}


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(distribution, IntDistribution) and int(value) != value):
        return False
    return bool(distribution.low <= value <= distribution.high)  # type: ignore[attr-defined]


def best_of(trials: list[TrialDone], name: str) -> TrialDone:
    """The best of the trials that saw every fold. Raises Misconfigured where there is none."""
    whole = [each for each in trials if each.state == "complete" and each.value is not None]
    if not whole:
        why = next((each.error for each in trials if each.error), "none was finished in time")
        raise Misconfigured("search-empty", f"candidate {name}: no trial of {len(trials):,} gave a metric: {why}")
    return max(whole, key=lambda each: (each.value or 0.0, -each.number))
