"""Cross-checks of a project file: names that refer to other parts of it, and what must fit the task."""

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any

from tierra.data.expectations import ROW_EXPECTATIONS, TABLE_EXPECTATIONS, required_arguments
from tierra.data.row_numbers import published_key
from tierra.model.balance_spec import NONE, Balance, why_not
from tierra.model.decision_spec import Decision
from tierra.model.ensemble_spec import Ensemble, Stack
from tierra.model.explained import has_reasons
from tierra.model.preprocessing_spec import Preprocessing, Treatment
from tierra.model.scorers import SCORERS
from tierra.model.spec import METRICS, REQUESTED, Model, RateBy, Rule
from tierra.project.file import ProjectFile
from tierra.spec import Task

Refuse = Callable[..., None]
# The columns of predictions, as a pattern.
PUBLISHED: dict[Task, str] = {
    "regression": "prediction",
    "binary": "probability|decision",
    "multiclass": "probability_.*|decision",
}

# The tables and the view of a sink, after the data set's name.
OF_THE_SINK = ("parts", "manifests", "published", "pending", "quarantine", "current")


def check_names(project: ProjectFile, refuse: Refuse) -> None:
    """Call `refuse` with code, message and path for each name or value that contradicts another."""
    _check_sources(project, refuse)
    for index, each in enumerate(project.contract.expectations):
        _check_expectation(each, project, _below(refuse, "contract", "expectations", index))
    _check_features(project, refuse)
    _check_candidates(project, refuse)
    _check_budget(project, refuse)
    _check_balance(project, refuse)
    _check_searches(project, refuse)
    if project.split.by == "time" and not project.split.column:
        refuse("key-missing", f"state `split.column`, or `partition_by` on {project.main}", "split")
    if what := project.split.contradiction():
        refuse("value-invalid", what, "split")
    _check_kept(project, refuse)
    _check_reasons(project, refuse)
    _check_latest(project, _below(refuse, "score", "latest"))
    if project.gate.shadow and not (project.main_source.partition_by and project.main_source.key):
        refuse("key-missing", f"a shadow is of partitions and rows: {project.main} needs `partition_by` and `key`",
               "gate", "shadow")  # fmt: skip
    if project.task:
        check_task(project, project.task, refuse)
    else:
        published = "|".join([*PUBLISHED.values(), *project.published_more])
        _check_free(project.score.keep, "kept column", published, _below(refuse, "score", "keep"))


def check_task(project: ProjectFile, task: Task, refuse: Refuse) -> None:
    """Call `refuse` for what contradicts the task, declared or inferred from the target."""

    def mismatch(what: str, *path: int | str) -> None:
        refuse("task-mismatch", f"{what}, and the task is {task}", *path)

    _check_metrics(project, task, mismatch)
    for index, each in enumerate(project.candidates or ()):
        for what in _find_mismatches(each, task):
            mismatch(what, "candidates", index)
    for way, path in _find_balances(project):
        if what := why_not(way, task):
            mismatch(what, *path)
    _check_published(project, task, refuse, mismatch)
    _check_guardrails(project, task, mismatch)
    if project.card.cost and task != "binary":
        mismatch("costs of false alarms and misses need a yes or no", "card", "cost")
    for key, what in _find_undecidable(project.decision, task):
        mismatch(what, "decision", key)
    if project.preprocessing.target == "log" and task != "regression":
        mismatch("the logarithm is of a number", "preprocessing", "target")
    if project.positive is not None and task != "binary":
        mismatch("`positive` needs a yes or no", "positive")


def _check_metrics(project: ProjectFile, task: Task, mismatch: Refuse) -> None:
    number = task == "regression"
    of_other_tasks = {name for kind in METRICS if (kind == "regression") != number for name in METRICS[kind]}
    places: list[tuple[str | None, tuple[int | str, ...]]] = [
        (project.gate.metric, ("gate", "metric")),
        *((name, ("metrics",)) for name in project.metrics),
    ]
    places += [(each.metric, ("card", "goals")) for each in project.card.goals]
    searching = [(index, each) for index, each in enumerate(project.candidates or ()) if isinstance(each, Model)]
    places += [(each.search.metric, ("candidates", index, "search")) for index, each in searching if each.search]
    for name, path in places:
        known = {*METRICS[task], *(REQUESTED if number else ()), *(SCORERS - of_other_tasks)}
        if name and name not in known:
            mismatch(f"{name} is no metric of it ({', '.join(METRICS[task])})", *path)


def _check_guardrails(project: ProjectFile, task: Task, mismatch: Refuse) -> None:
    gate = project.gate
    for name in ("classes", "calibration"):
        if getattr(gate, name) is not None and task == "regression":
            mismatch("there are no classes and no probabilities", "gate", name)
    if gate.fairness and gate.fairness.of != "error" and task != "binary":
        mismatch(f"to compare groups by `{gate.fairness.of}` needs a yes or no", "gate", "fairness")


def _find_mismatches(candidate: Rule | Model | Ensemble, task: Task) -> Iterator[str]:
    number = task == "regression"
    if isinstance(candidate, Model) and (candidate.model, number) in (("ridge", False), ("logistic", True)):
        yield f"{candidate.model} predicts {'classes' if number else 'numbers'}"
    if isinstance(candidate, Model) and candidate.class_weight and number:
        yield "class_weight needs classes"
    if isinstance(candidate, Rule) and candidate.function and task == "multiclass":
        yield "a rule that is a function gives one number a row"


def _find_undecidable(decision: Decision, task: Task) -> Iterator[tuple[str, str]]:
    """The keys of `decision` that a task has no use for, and why."""
    if task == "regression":
        if decision.review:
            yield "review", "a number has no decision to leave to a person; state `interval`"
        if decision.calibration not in ("auto", "none"):
            yield "calibration", f"{decision.calibration} corrects probabilities"
    elif decision.interval:
        yield "interval", "an interval is of a predicted number; state `review`"
    if task == "multiclass" and decision.calibration in ("sigmoid", "isotonic"):
        yield "calibration", f"{decision.calibration} corrects one probability, temperature or vector several"


def _check_published(project: ProjectFile, task: Task, refuse: Refuse, mismatch: Refuse) -> None:
    for column in project.score.columns or ():
        if (column == "prediction") != (task == "regression"):
            mismatch(f"there is no {column} to publish", "score", "columns")
    published = "|".join([PUBLISHED[task], *project.published_more])
    _check_free(project.main_source.key, "key", published, _below(refuse, "sources", project.main))
    _check_free(project.score.keep, "kept column", published, _below(refuse, "score", "keep"))


def _check_free(names: tuple[str, ...], what: str, published: str, refuse: Refuse) -> None:
    """Refuse names that match those of published columns."""
    for name in names:
        if re.fullmatch(published, name):
            refuse("columns-conflict", f"{what} '{name}' has the name of a published column")


def _check_kept(project: ProjectFile, refuse: Refuse) -> None:
    source, kept = project.main_source, project.score.keep
    taken = {
        **dict.fromkeys(source.known_later, "known later, and not read when scoring"),
        project.target: "the target, and not read when scoring",
        **({project.weight: "the weight, and not read when scoring"} if project.weight else {}),
        **dict.fromkeys(published_key(source), "published already"),
    }
    for name in kept:
        if name in taken:
            refuse("columns-conflict", f"'{name}' cannot be kept: it is {taken[name]}", "score", "keep")
        if kept.count(name) > 1:
            refuse("columns-conflict", f"'{name}' is named twice", "score", "keep")
        if source.columns and name not in source.columns:
            refuse("columns-conflict", f"`columns` of {project.main} leaves out '{name}'", "score", "keep")


def _check_latest(project: ProjectFile, refuse: Refuse) -> None:
    latest, sink = project.score.latest, project.score.sink
    if latest is None or not latest.table:
        return
    if sink.kind != "sql":
        refuse("value-invalid", "a table needs a sink of `kind: sql`; give a `path`", "table")
    dataset = sink.dataset or project.name
    if latest.table in (dataset, *(f"{dataset}_{each}" for each in OF_THE_SINK)):
        refuse("value-invalid", f"'{latest.table}' is a table of the sink's own", "table")


def _below(refuse: Refuse, *path: int | str) -> Refuse:
    """`refuse` for the keys below a path."""
    return lambda code, what, *key: refuse(code, what, *path, *key)


def _check_sources(project: ProjectFile, refuse: Refuse) -> None:
    for name, source in project.sources.items():
        if name != project.main and source.history:
            refuse("columns-conflict", f"history belongs to the first source, {project.main}", "sources", name)
    for index, join in enumerate(project.joins):
        _declared(join.right, project.sources, refuse, "joins", index, "right")
        if join.left != project.main or join.right == project.main:
            refuse("name-undeclared", f"joins start at the first source, {project.main}", "joins", index, "left")
        if join.as_of and join.as_of.left in {*project.main_source.known_later, project.target}:
            refuse("columns-conflict", f"'{join.as_of.left}' is not known when scoring", "joins", index, "as_of")


def _declared(name: str, known: Any, refuse: Refuse, *path: int | str) -> None:
    if name not in known:
        refuse("name-undeclared", f"'{name}' is not declared (declared: {', '.join(known)})", *path)


def _check_candidates(project: ProjectFile, refuse: Refuse) -> None:
    candidates = project.candidates or ()
    names = [each.name for each in candidates if isinstance(each, Model)]
    ensembles = [each.name for each in candidates if isinstance(each, Ensemble)]
    for index, candidate in enumerate(candidates):
        for member in candidate.members if isinstance(candidate, Ensemble) else ():
            if member in ensembles:
                what = f"'{member}' is made of other candidates: name models alone ({', '.join(names)})"
                refuse("value-invalid", what, "candidates", index)
            _declared(member, names, refuse, "candidates", index)
        if isinstance(candidate, Ensemble) and len(set(candidate.members)) < len(candidate.members):
            refuse("value-invalid", f"{candidate.name} names a member twice", "candidates", index)
    every = [each.name for each in candidates]
    if twice := sorted({name for name in every if every.count(name) > 1}):
        refuse("value-invalid", f"more than one candidate is called {twice[0]}; give each a `name`", "candidates")


def _check_searches(project: ProjectFile, refuse: Refuse) -> None:
    for index, each in enumerate(project.candidates or ()):
        if isinstance(each, Model) and each.search and each.search.space_of(each.model) is None:
            what = f"{each.model} has no built-in space: state `space`"
            refuse("key-missing", what, "candidates", index, "search")


def _check_budget(project: ProjectFile, refuse: Refuse) -> None:
    """What a fence sets aside by its own share has to fit into the share of rows that may be set aside."""
    whole, budget = project.preprocessing, project.contract.quarantine_budget
    every: dict[tuple[str, ...], Preprocessing | Treatment] = {("preprocessing",): whole}
    every |= {("preprocessing", "columns", name): each for name, each in whole.columns.items()}
    for path, each in every.items():
        sets_aside = (each.outliers or whole.outliers) == "quarantine"
        if sets_aside and (each.fence or whole.fence) != "iqr" and whole.fence_share >= budget:
            what = f"{whole.fence_share:.2%} of rows are far out by `fence_share`, and contract.quarantine_budget"
            refuse("value-invalid", f"{what} is {budget:.2%}: state a larger budget or a smaller share", *path)


def _check_balance(project: ProjectFile, refuse: Refuse) -> None:
    names = [each.name for each in project.balance]
    if twice := sorted({name for name in names if names.count(name) > 1 or name == NONE}):
        refuse("value-invalid", f"more than one way is called {twice[0]}; give each a `name`", "balance")
    taken = {each.name for each in project.candidates or ()}
    for each in project.candidates or ():
        if both := [f"{each.name}_{name}" for name in names if f"{each.name}_{name}" in taken]:
            refuse("value-invalid", f"a candidate is called {both[0]}, as {each.name} balanced so is", "balance")
    is_number = project.task == "regression"
    if project.decision.calibration == NONE and not is_number and any(_find_balances(project)):
        what = "a model that learnt from balanced rows has another rate than the source; leave `calibration` out"
        refuse("value-invalid", what, "decision", "calibration")


def _find_balances(project: ProjectFile) -> Iterator[tuple[Balance, tuple[int | str, ...]]]:
    """Each way to balance, and where it stands in the file."""
    for index, way in enumerate(project.balance):
        yield way, ("balance", index)
    for index, each in enumerate(project.candidates or ()):
        if isinstance(each, Model) and each.balance:
            yield each.balance, ("candidates", index, "balance")


def _check_reasons(project: ProjectFile, refuse: Refuse) -> None:
    for index, each in enumerate(project.candidates or ()):
        if project.score.reasons and isinstance(each, Model) and not has_reasons(each.model):
            what = f"{each.model} offers no reasons that add up, and `score.reasons` asks for them"
            refuse("reasons-unsupported", what, "candidates", index)
        if project.score.reasons and isinstance(each, Stack):
            what = "a stack offers no reasons that add up, and `score.reasons` asks for them; a `selection` does"
            refuse("reasons-unsupported", what, "candidates", index)


def _check_expectation(each: Any, project: ProjectFile, refuse: Any) -> None:
    required, known = required_arguments(each.type), [*ROW_EXPECTATIONS, *TABLE_EXPECTATIONS]
    if required is None:
        near = difflib.get_close_matches(each.type, known, 1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        refuse(
            "expectation-unknown",
            f"'{each.type}' ({hint}known: {', '.join(known)})",
            "type",
        )
    if missing := [name for name in required or () if name not in each.arguments]:
        refuse("expectation-invalid", f"{each.type} needs {', '.join(missing)}", "type")
    if each.table and each.table not in project.sources:
        refuse("name-undeclared", f"'{each.table}' is not a source (sources: {', '.join(project.sources)})", "table")
    if each.type in TABLE_EXPECTATIONS and each.on_fail == "quarantine":
        refuse("expectation-invalid", f"{each.type} is about the whole table: use stop or warn", "on_fail")


def _check_features(project: ProjectFile, refuse: Any) -> None:
    listed = project.features if isinstance(project.features, tuple) else ()
    forbidden = {
        **dict.fromkeys(project.main_source.key, "the key"),
        **dict.fromkeys(project.main_source.known_later, "known later"),
    }
    forbidden |= {join.joined_name(name): "known later" for join in project.joins if join.right in project.sources
                  for name in project.sources[join.right].known_later}  # fmt: skip
    forbidden[project.target_column] = "the target"
    forbidden |= {project.weight: "the weight"} if project.weight else {}
    rate_by = project.rule.rule.rate_by if isinstance(project.rule.rule, RateBy) else ()
    for place, columns in (("features", listed), ("candidates", rate_by)):
        for column in columns:
            if column in forbidden:
                refuse("features-forbidden", f"'{column}' is {forbidden[column]}", place)
