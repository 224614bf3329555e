"""Every name in a project file that speaks of another part of it."""

import difflib
import re
from collections.abc import Callable
from typing import Any

from tierra.data.expectations import ROW, TABLE, required_arguments
from tierra.model.scorers import SCORERS
from tierra.model.spec import METRICS, Average, Model, RateBy, Rule
from tierra.project.file import ProjectFile
from tierra.spec import Task

Refuse = Callable[..., None]


def check_names(spec: ProjectFile, refuse: Refuse) -> None:
    """Call `refuse` with code, what and path for the first name or value that does not fit the rest."""
    _check_sources(spec, refuse)
    for index, each in enumerate(spec.contract.expectations):
        _check_expectation(each, spec, _below(refuse, "contract", "expectations", index))
    _check_features(spec, refuse)
    _check_candidates(spec, refuse)
    if spec.split.by == "time" and not spec.split.column:
        refuse("key-missing", f"state `split.column`, or `partition_by` on {spec.main}", "split")
    if spec.task:
        check_task(spec, spec.task, refuse)


def check_task(spec: ProjectFile, task: Task, refuse: Refuse) -> None:
    """Call `refuse` for what does not fit the task, as declared or as found in the target."""

    def unfit(what: str, *path: int | str) -> None:
        refuse("task-mismatch", f"{what}, and the task is {task}", *path)

    strange = {name for kind in METRICS if (kind == "regression") != (task == "regression") for name in METRICS[kind]}
    places = [(spec.gate.metric, ("gate", "metric")), *((name, ("metrics",)) for name in spec.metrics)]
    for name, path in places:
        if name and name not in METRICS[task] and (name in strange or name not in SCORERS):
            unfit(f"{name} is no metric of it ({', '.join(METRICS[task])})", *path)
    for index, each in enumerate(spec.candidates or ()):
        if isinstance(each, Model) and (each.model, task == "regression") in (("ridge", False), ("logistic", True)):
            unfit(f"{each.model} predicts {'classes' if task == 'regression' else 'numbers'}", "candidates", index)
        if isinstance(each, Model) and each.class_weight and task == "regression":
            unfit("class_weight needs classes", "candidates", index)
        if isinstance(each, Rule) and each.function and task == "multiclass":
            unfit("a rule that is a function gives one number a row", "candidates", index)
    for column in spec.score.columns or ():
        if (column == "prediction") != (task == "regression"):
            unfit(f"there is no {column} to publish", "score", "columns")
    published = {"regression": "prediction", "binary": "probability|decision", "multiclass": "probability_.*|decision"}
    for name in spec.main_source.key:
        if re.fullmatch(published[task], name):
            refuse("columns-conflict", f"key '{name}' is called like a column that is published", "sources", spec.main)
    if spec.card.cost and task != "binary":
        unfit("costs of false alarms and misses need a yes or no", "card", "cost")
    if spec.positive is not None and task != "binary":
        unfit("`positive` needs a yes or no", "positive")


def _below(refuse: Refuse, *path: int | str) -> Refuse:
    return lambda code, what, *key: refuse(code, what, *path, *key)


def _check_sources(spec: ProjectFile, refuse: Refuse) -> None:
    for name, source in spec.sources.items():
        if name != spec.main and (source.history or source.known_later):
            refuse("columns-conflict", f"history and known_later belong to the first source, {spec.main}",
                   "sources", name)  # fmt: skip
    for index, join in enumerate(spec.joins):
        _declared(join.right, spec.sources, refuse, "joins", index, "right")
        if join.left != spec.main or join.right == spec.main:
            refuse("name-undeclared", f"joins start at the first source, {spec.main}", "joins", index, "left")


def _declared(name: str, known: Any, refuse: Refuse, *path: int | str) -> None:
    if name not in known:
        refuse("name-undeclared", f"'{name}' is not declared (declared: {', '.join(known)})", *path)


def _check_candidates(spec: ProjectFile, refuse: Refuse) -> None:
    candidates = spec.candidates or ()
    names = [each.name for each in candidates if isinstance(each, Model)]
    for index, candidate in enumerate(candidates):
        for member in candidate.average if isinstance(candidate, Average) else ():
            _declared(member, names, refuse, "candidates", index)
    every = [each.name for each in candidates]
    if twice := sorted({name for name in every if every.count(name) > 1}):
        refuse("value-invalid", f"more than one candidate is called {twice[0]}; give each a `name`", "candidates")


def _check_expectation(each: Any, spec: ProjectFile, refuse: Any) -> None:
    required = required_arguments(each.type)
    if required is None:
        near = difflib.get_close_matches(each.type, [*ROW, *TABLE], 1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        refuse("expectation-unknown", f"'{each.type}' ({hint}known: {', '.join([*ROW, *TABLE])})", "type")
    if missing := [name for name in required or () if name not in each.arguments]:
        refuse("expectation-invalid", f"{each.type} needs {', '.join(missing)}", "type")
    if each.table and each.table not in spec.sources:
        refuse("name-undeclared", f"'{each.table}' is not a source (sources: {', '.join(spec.sources)})", "table")
    if each.type in TABLE and each.on_fail == "quarantine":
        refuse("expectation-invalid", f"{each.type} speaks of the whole table: use stop or warn", "on_fail")


def _check_features(spec: ProjectFile, refuse: Any) -> None:
    listed = spec.features if isinstance(spec.features, tuple) else ()
    forbidden = {
        **dict.fromkeys(spec.main_source.key, "the key"),
        **dict.fromkeys(spec.main_source.known_later, "known later"),
    }
    forbidden[spec.target_column] = "the target"
    forbidden |= {spec.weight: "the weight"} if spec.weight else {}
    rate_by = spec.rule.rule.rate_by if isinstance(spec.rule.rule, RateBy) else ()
    for place, columns in (("features", listed), ("candidates", rate_by)):
        for column in columns:
            if column in forbidden:
                refuse("features-forbidden", f"'{column}' is {forbidden[column]}", place)
