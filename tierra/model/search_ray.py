"""Searches with Ray Tune, Optuna or HyperOpt suggesting: on a Ray that is started and stopped here, or at an address.

What Tune finishes is kept in our study as it ends, so a killed search is taken up as one of Optuna alone is. The state
of Tune itself is thrown away. HyperOpt begins anew with what is left; Optuna is told what was tried before.
"""

import os
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from optuna import create_trial
from optuna.trial import TrialState

from tierra.model.search import ERROR, SECONDS, STARTUP, Plan, finished
from tierra.model.search_found import TrialDone
from tierra.model.search_problem import Problem
from tierra.model.search_spec import Range
from tierra.ray_session import ray_session
from tierra.temporary import prefix

# Nothing is printed, and Ctrl-C stays ours.
QUIET: Final = {"RAY_AIR_NEW_OUTPUT": "0", "TUNE_DISABLE_SIGINT_HANDLER": "1"}


def run_on_ray(
    plan: Plan, points: list[dict[str, Any]], left: int, processes: int, address: str, tell: Callable[[TrialDone], None]
) -> int:
    """Try as many sets of parameters as are left, `points` first; each that ends is kept and told.

    By so many processes at once, on a cluster as many as it has processors; which that was.
    """
    os.environ.update(QUIET)
    whole = [point for point in points if point.keys() == plan.space.keys()]
    with ray_session(address) as ray, tempfile.TemporaryDirectory(prefix=prefix()) as folder:
        from ray import tune

        if address:
            processes = min(left, int(ray.cluster_resources().get("CPU", processes)))
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(_trial, problem=plan.problem), {"cpu": 1}),
            param_space=_tune_space(plan),
            tune_config=tune.TuneConfig(
                metric="value", mode="max", num_samples=left, max_concurrent_trials=processes,
                search_alg=_suggester(plan, whole), scheduler=_scheduler(plan), reuse_actors=True,
                time_budget_s=max(plan.until - time.time(), 1.0) if plan.until else None,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[_keeper(plan, tell)]),
        )  # fmt: skip
        with warnings.catch_warnings():
            # Tune tells its Optuna the last value of a trial twice.
            warnings.filterwarnings("ignore", "The reported value is ignored")
            tuner.fit()
    return processes


def _trial(config: Mapping[str, Any], problem: Problem) -> None:
    """One set of parameters, on a worker of Ray."""
    from ray import tune
    from threadpoolctl import threadpool_limits

    def goes_on(fold: int, value: float) -> bool:
        tune.report({"value": value, "folds": fold + 1})
        return True  # Tune ends a trial that is to be pruned by itself

    with threadpool_limits(1):
        value, _ = problem.value(_plain(config), goes_on)
    tune.report({"value": value, "folds": len(problem.folds)})


def _suggester(plan: Plan, points: list[dict[str, Any]]) -> Any:
    from ray.tune.search.hyperopt import HyperOptSearch
    from ray.tune.search.optuna import OptunaSearch

    before = finished(plan.open())
    seed = plan.search.seed + len(before)
    if plan.search.engine == "ray-hyperopt":
        return HyperOptSearch(metric="value", mode="max", points_to_evaluate=points or None, random_state_seed=seed)
    search = OptunaSearch(plan.distributions, metric="value", mode="max", points_to_evaluate=points or None, seed=seed)
    for each in before:
        if each.state == "complete" and each.value is not None:
            search.add_evaluated_point(each.params, each.value)
    return search


def _scheduler(plan: Plan) -> Any:
    from ray.tune.schedulers import MedianStoppingRule

    if not plan.search.pruning:
        return None
    return MedianStoppingRule(time_attr="folds", grace_period=1, min_samples_required=STARTUP)


def _tune_space(plan: Plan) -> dict[str, Any] | None:
    """What each parameter may be, as Tune has it; Optuna is given its own."""
    if plan.search.engine == "ray-optuna":
        return None
    return {name: _tune_distribution(each) for name, each in plan.space.items()}


def _tune_distribution(values: Range | tuple[Any, ...]) -> Any:
    from ray import tune

    if isinstance(values, tuple):
        return tune.choice(list(values))
    if values.is_whole:
        # The upper end of Tune's whole numbers is left out.
        return (tune.lograndint if values.log else tune.randint)(int(values.low), int(values.high) + 1)
    return (tune.loguniform if values.log else tune.uniform)(float(values.low), float(values.high))


def _keeper(plan: Plan, tell: Callable[[TrialDone], None]) -> Any:
    """What keeps each trial that ends in our study."""
    from ray.tune import Callback

    study = plan.open()

    class Keeper(Callback):
        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            result = trial.last_result or {}
            is_whole = result.get("folds") == len(plan.problem.folds)
            self._keep(trial, TrialState.COMPLETE if is_whole else TrialState.PRUNED, value=result.get("value"))

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            lines = str(getattr(trial, "get_error", lambda: "")() or "it failed").strip().splitlines()
            self._keep(trial, TrialState.FAIL, {ERROR: lines[-1]})

        def _keep(self, trial: Any, state: TrialState, more: dict[str, Any] | None = None, **value: Any) -> None:
            seconds = float((trial.last_result or {}).get("time_total_s", 0.0))
            study.add_trial(create_trial(state=state, params=_inside(plan, trial.config),
                                         distributions=plan.distributions,
                                         user_attrs={SECONDS: seconds, **(more or {})}, **value))  # fmt: skip
            tell(finished(study)[-1])

    return Keeper()


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as Python's own values: HyperOpt gives NumPy's."""
    return {name: value.item() if hasattr(value, "item") else value for name, value in config.items()}


def _inside(plan: Plan, config: Mapping[str, Any]) -> dict[str, Any]:
    params = _plain(config)
    return {name: params[name] for name in plan.space if name in params}
