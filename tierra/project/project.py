"""The project: its file as a typed, frozen object, and what is derived from it."""

import difflib
from pathlib import Path

from pydantic import Field, ValidationError

from tierra.data.recipe import Recipe
from tierra.data.window import EVERYTHING, Window
from tierra.errors import InvalidCall, Misconfigured
from tierra.model.balance_spec import Balance, Remove
from tierra.model.balanced_candidates import add_balanced
from tierra.model.defaults import default_candidates
from tierra.model.ensemble_spec import Ensemble
from tierra.model.spec import Model, RateBy, Rule
from tierra.project.checks import check_names, check_task
from tierra.project.file import ProjectFile
from tierra.project.overlay import Places, read_project_file
from tierra.spec import FUNCTION, Task


class Project(ProjectFile):
    """One use case: its project file, where that file is, and what is derived from both."""

    file: Path = Field(exclude=True, repr=False)

    @property
    def folder(self) -> Path:
        """The folder of its functions and files."""
        return self.file.parent

    @property
    def dataset(self) -> str:
        """The name its predictions are published under."""
        return self.score.sink.dataset or self.name

    @property
    def training_window(self) -> Window:
        """The days of the first source that are read for training."""
        return Window(end=self.split.until) if self.main_source.partition_by else EVERYTHING

    def for_task(self, task: Task) -> "Project":
        """The project with the task's defaults: the gate's metric, and candidates in fitting order.

        Raises Misconfigured when the project file contradicts the task.
        """

        def refuse(code: str, what: str, *path: int | str) -> None:
            raise Misconfigured(code, f"{self.file}: {'.'.join(map(str, path))}: {what}")

        check_task(self, task, refuse)
        has_network = self.split.by != "time" and not self.score.reasons
        default = default_candidates(task, self.effort, has_network)
        models = [each for each in self.candidates or default if not isinstance(each, Rule)]
        # Ensembles last: their members must be fitted before them.
        ordered = (self.rule, *sorted(models, key=lambda each: isinstance(each, Ensemble)))
        candidates = tuple(add_balanced(ordered, self.balance))
        return self.model_copy(update={"task": task, "gate": self.gate.of(task), "candidates": candidates})

    @property
    def functions(self) -> dict[str, str]:
        """The project's own functions by the role they play, and its classes by their names."""
        feature = self.features if isinstance(self.features, str) else None
        named = {"target": self.target, "weight": self.weight or ""}
        roles = {"prepare": self.prepare, "features": feature, "rule": self.rule.function}
        roles |= {role: name for role, name in named.items() if FUNCTION.match(name)}
        return {role: name for role, name in roles.items() if name} | {name: name for name in self.own_names}

    @property
    def own_names(self) -> tuple[str, ...]:
        """The project's own transformers and estimators, as file:Class."""
        models = [each.model for each in self.candidates or () if isinstance(each, Model) and each.is_own]
        transformers = [each.transformer for each in self.preprocessing.columns.values() if each.transformer]
        return tuple(dict.fromkeys((*transformers, *models)))

    @property
    def balance_functions(self) -> dict[str, str]:
        """The project's own functions that balance what is learnt from; none of them is served."""
        return {name: name for way in self.ways_to_balance for name in way.functions}

    @property
    def ways_to_balance(self) -> list[Balance]:
        """Those of the project, and those of single candidates."""
        own = [each.balance for each in self.candidates or () if isinstance(each, Model) and each.balance]
        return [*self.balance, *own]

    @property
    def removing_conditions(self) -> list[str]:
        """The conditions on rows that nothing is learnt from."""
        every = [rule for way in self.ways_to_balance if isinstance(way, Remove) for rule in way.remove]
        return [rule for rule in every if not FUNCTION.match(rule)]

    @property
    def every_function(self) -> dict[str, str]:
        """All of the project's own functions."""
        return self.functions | self.balance_functions

    @property
    def recipe(self) -> Recipe:
        """What makes this project's features."""
        rule = self.rule.rule
        return Recipe(
            target=self.target,
            target_column=self.target_column,
            functions=self.functions,
            columns=self.features if isinstance(self.features, tuple) else (),
            rate_by=rule.rate_by if isinstance(rule, RateBy) else (),
            key=self.main_source.key,
            dates=self.split.column if self.split.by == "time" else None,
            unit=None if self.split.by == "time" else self.split.column or "",
            partition_by=self.main_source.partition_by,
            history=self.main_source.history,
            withheld=self.withheld,
            task=self.task,
            positive=self.positive,
            weight=self.weight,
        )

    @property
    def outdated(self) -> list[str]:
        """What the file states that decides nothing any more, one line each."""
        stated = "leaks" in self.contract.model_fields_set
        line = (
            "contract.leaks decides nothing any more: a leak stops the training until it is acknowledged under `leaks`"
        )
        return [line] if stated else []

    @property
    def withheld(self) -> tuple[str, ...]:
        """Columns that features must not use: known later, the target, and the weight."""
        columns = [name for name in (self.target, self.weight) if name and not FUNCTION.match(name)]
        joined = [join.joined_name(name) for join in self.joins for name in self.sources[join.right].known_later]
        return tuple(dict.fromkeys((*self.main_source.known_later, *columns, *joined)))


def find_project(project: str, projects: Path) -> Path:
    """The project file for a name under `projects`, or for a path. Raises InvalidCall."""
    for place in (projects / project, Path(project)):
        for file in (place, place / "project.yaml"):
            if file.is_file() and file.suffix in {".yaml", ".yml"}:
                return file.resolve()
    known = ", ".join(list_projects(projects)) or "none"
    raise InvalidCall(
        "project-not-found", f"no project '{project}' under {projects}/ (available: {known}) nor as a path"
    )


def list_projects(projects: Path) -> list[str]:
    """The names of the folders under `projects` that hold a project file."""
    return sorted(file.parent.name for file in projects.glob("*/project.yaml"))


def load_project(project: str, projects: Path = Path("projects"), overlay: str | None = None) -> Project:
    """Read and check a project file, merged with the named overlay if the project has it.

    Raises Misconfigured with file, line, key and what is allowed.
    """
    file = find_project(project, projects)
    data, places = read_project_file(file, overlay)
    try:
        declared = ProjectFile.model_validate(data)
    except ValidationError as error:
        raise _explain(places, error) from None
    first = next(iter(declared.sources.values()))
    values = {**dict(declared), "split": declared.split.with_defaults(first.partition_by), "file": file}
    loaded = Project.model_construct(declared.model_fields_set, **values)
    check_names(loaded, lambda code, what, *path: _refuse(code, what, places, path))
    return loaded


def _explain(places: Places, error: ValidationError) -> Misconfigured:
    first, *others = (each for each in error.errors() if each["type"] != "default_factory_not_called")
    kind, path = first["type"], _path(first["loc"], places)
    if kind == "key_unknown":
        key, known = first["ctx"]["key"], first["ctx"]["known"]
        near = difflib.get_close_matches(key, known.split(", "), 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        what, code, path = f"unknown key '{key}' (known: {known}{hint})", "key-unknown", (*path, key)
    elif kind == "missing":
        what, code = f"'{first['loc'][-1]}' is missing", "key-missing"
    elif kind == "union_tag_not_found":
        what, code = f"{first['ctx']['discriminator']} is missing", "key-missing"
    elif kind == "union_tag_invalid":
        what, code = "{discriminator} should be one of {expected_tags}".format(**first["ctx"]), "value-invalid"
    else:
        message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        what, code = f"should be {message}" if "Input should" in first["msg"] else message, "value-invalid"
        code = "metric-unknown" if path[:1] == ("metrics",) or path == ("gate", "metric") else code
    more = f" (and {len(others)} more)" if others else ""
    return Misconfigured(code, f"{_where(places, path)}: {what}{more}")


def _refuse(code: str, what: str, places: Places, path: tuple[int | str, ...]) -> None:
    raise Misconfigured(code, f"{_where(places, path)}: {what}")


def _path(loc: tuple[int | str, ...], places: Places) -> tuple[int | str, ...]:
    """The location in the file: pydantic's, less the names of union members."""
    path: tuple[int | str, ...] = ()
    # The third step into a source, a candidate or a balance is the union member's tag, which may look like a key.
    for step in (*loc[:2], *loc[3:]) if loc[:1] in (("sources",), ("candidates",), ("balance",)) else loc:
        path = (*path, step) if (*path, step) in places else path
    return path


def _where(places: Places, path: tuple[int | str, ...]) -> str:
    dotted, (file, line) = ".".join(str(step) for step in path), places.get(path) or places[()]
    return f"{file}:{line}" + (f": {dotted}" if dotted else "")
