"""The project file as a typed, frozen object. It only composes the rooms' own specs."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from tierra.data.expectations import ROW, TABLE, required_arguments
from tierra.data.recipe import Recipe
from tierra.data.spec import Contract, Join, Source, Split
from tierra.data.window import EVERYTHING, Window
from tierra.errors import Misconfigured
from tierra.model.spec import DEFAULT_CANDIDATES, Average, Candidate, Card, Gate, Model, RateBy, Rule
from tierra.spec import FUNCTION, Column, FunctionName, Name, Spec
from tierra.store.spec import Score
from tierra.yaml_file import Lines, read_yaml


class Schedule(Spec):
    """When the deployments run: cron lines in a time zone."""

    timezone: str = "UTC"
    score: str | None = Field(None, pattern=r"^(\S+\s+){4}\S+$", description="Cron of the scoring run")
    train: str | None = Field(None, pattern=r"^(\S+\s+){4}\S+$", description="Cron of the training run")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("a time zone such as Europe/Madrid") from None
        return value


class ProjectFile(Spec):
    """What a project file may say."""

    format: Literal[1] = 1
    project: Name
    card: Card = Card()
    sources: dict[Name, Source] = Field(min_length=1, description="Tables by name; the first holds the rows to score")
    joins: Annotated[tuple[Join, ...], BeforeValidator(tuple)] = ()
    contract: Contract = Contract()
    prepare: FunctionName | None = Field(None, description="Function of a partition's rows and its history")
    features: FunctionName | Annotated[tuple[Column, ...], BeforeValidator(tuple)] | None = None
    target: Column = Field(description="A column, or a function of the rows as file:name")
    positive: str | int | bool | None = Field(None, description="The value of the target to predict")
    split: Split = Split()
    candidates: Annotated[tuple[Candidate, ...], BeforeValidator(tuple), Field(min_length=1)] = DEFAULT_CANDIDATES
    gate: Gate = Gate()
    score: Score = Score()
    schedule: Schedule = Schedule()


class Project(ProjectFile):
    """One use case: what its file says, where it stands, and what follows from both."""

    file: Path = Field(exclude=True, repr=False)

    @property
    def folder(self) -> Path:
        """The folder its functions and files lie in."""
        return self.file.parent

    @property
    def main(self) -> str:
        """The name of the first source, whose rows are scored."""
        return next(iter(self.sources))

    @property
    def source(self) -> Source:
        """The first source."""
        return self.sources[self.main]

    @property
    def dataset(self) -> str:
        """The name its predictions are published under."""
        return self.score.sink.dataset or self.project

    @property
    def split_column(self) -> str | None:
        """The date column the split cuts along."""
        return self.split.column or self.source.partition_by

    @property
    def training_window(self) -> Window:
        """The days of the first source that are read for training."""
        return Window(end=self.split.until) if self.source.partition_by else EVERYTHING

    @property
    def rule(self) -> Rule:
        """The baseline: the one declared, else the base rate."""
        return next((each for each in self.candidates if isinstance(each, Rule)), Rule(rule="base_rate"))

    @property
    def target_column(self) -> str:
        """The target's name in the feature table."""
        return self.target.partition(":")[2] or self.target

    @property
    def functions(self) -> dict[str, str]:
        """The project's own functions by the role they play."""
        feature = self.features if isinstance(self.features, str) else None
        target = self.target if FUNCTION.match(self.target) else None
        roles = {"prepare": self.prepare, "features": feature, "target": target, "rule": self.rule.function}
        return {role: name for role, name in roles.items() if name}

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
            key=self.source.key,
            dates=self.split_column,
            partition_by=self.source.partition_by,
            history=self.source.history,
            withheld=self.withheld,
            positive=self.positive,
        )

    @property
    def withheld(self) -> tuple[str, ...]:
        """Columns no feature may be made of: known later, or the target itself."""
        target = () if FUNCTION.match(self.target) else (self.target,)
        return tuple(dict.fromkeys((*self.source.known_later, *target)))


def find_project(project: str, projects: Path) -> Path:
    """The project file meant by a name under `projects`, or by a path."""
    for place in (projects / project, Path(project)):
        for file in (place, place / "project.yaml"):
            if file.is_file() and file.suffix in {".yaml", ".yml"}:
                return file.resolve()
    known = ", ".join(list_projects(projects)) or "none"
    raise Misconfigured("project-not-found", f"no project '{project}' under {projects}/ (there: {known}) nor as a path")


def list_projects(projects: Path) -> list[str]:
    """The names of the folders under `projects` that hold a project file."""
    return sorted(file.parent.name for file in projects.glob("*/project.yaml"))


def load_project(project: str, projects: Path = Path("projects")) -> Project:
    """Read and check a project file. Raises Misconfigured with file, line, key and what is allowed."""
    file = find_project(project, projects)
    data, lines = read_yaml(file)
    try:
        said = ProjectFile.model_validate(data)
    except ValidationError as error:
        raise _explain(file, lines, error) from None
    spec = Project.model_construct(**dict(said), file=file)
    _check_names(spec, file, lines)
    return spec


def _explain(file: Path, lines: Lines, error: ValidationError) -> Misconfigured:
    first, *others = error.errors()
    kind, path = first["type"], _path(first["loc"], lines)
    if kind == "key_unknown":
        key, known = first["ctx"]["key"], first["ctx"]["known"]
        near = difflib.get_close_matches(key, known.split(", "), 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        what, code, path = f"unknown key '{key}' (known: {known}{hint})", "key-unknown", (*path, key)
    elif kind == "missing":
        what, code = f"'{first['loc'][-1]}' is missing", "key-missing"
    else:
        said = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        what, code = f"should be {said}" if "Input should" in first["msg"] else said, "value-invalid"
        code = "metric-unknown" if path == ("gate", "metric") else code
    more = f" (and {len(others)} more)" if others else ""
    return Misconfigured(code, f"{_where(file, lines, path)}: {what}{more}")


def _path(loc: tuple[int | str, ...], lines: Lines) -> tuple[int | str, ...]:
    """The location in the file: pydantic's, less the names of union members."""
    path: tuple[int | str, ...] = ()
    # The third step into a source or a candidate is the union member's tag, which may look like a key.
    for step in (*loc[:2], *loc[3:]) if loc[:1] in (("sources",), ("candidates",)) else loc:
        path = (*path, step) if (*path, step) in lines else path
    return path


def _where(file: Path, lines: Lines, path: tuple[int | str, ...]) -> str:
    dotted = ".".join(str(step) for step in path)
    return f"{file}:{lines.get(path, 1)}" + (f": {dotted}" if dotted else "")


def _check_names(spec: Project, file: Path, lines: Lines) -> None:
    """Every name in the file that speaks of another part of it."""

    def refuse(code: str, what: str, *path: int | str) -> None:
        raise Misconfigured(code, f"{_where(file, lines, path)}: {what}")

    def declared(name: str, known: Any, *path: int | str) -> None:
        if name not in known:
            refuse("name-undeclared", f"'{name}' is not declared (declared: {', '.join(known)})", *path)

    for name, source in spec.sources.items():
        if name != spec.main and (source.history or source.known_later):
            refuse("columns-conflict", f"history and known_later belong to the first source, {spec.main}",
                   "sources", name)  # fmt: skip
    for index, join in enumerate(spec.joins):
        declared(join.right, spec.sources, "joins", index, "right")
        if join.left != spec.main or join.right == spec.main:
            refuse("name-undeclared", f"joins start at the first source, {spec.main}", "joins", index, "left")
    for index, each in enumerate(spec.contract.expectations):
        _check_expectation(each, spec, lambda code, what, *key, i=index: refuse(
            code, what, "contract", "expectations", i, *key))  # fmt: skip
    _check_features(spec, refuse)
    names = [each.name for each in spec.candidates if isinstance(each, Model)]
    for index, candidate in enumerate(spec.candidates):
        for member in candidate.average if isinstance(candidate, Average) else ():
            declared(member, names, "candidates", index)
    every = [each.name for each in spec.candidates]
    if twice := sorted({name for name in every if every.count(name) > 1}):
        refuse("value-invalid", f"more than one candidate is called {twice[0]}", "candidates")
    if not spec.split_column:
        refuse("key-missing", f"state `split.column`, or `partition_by` on {spec.main}", "split")


def _check_expectation(each: Any, spec: Project, refuse: Any) -> None:
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


def _check_features(spec: Project, refuse: Any) -> None:
    listed = spec.features if isinstance(spec.features, tuple) else ()
    forbidden = {**dict.fromkeys(spec.source.key, "the key"), **dict.fromkeys(spec.source.known_later, "known later")}
    forbidden[spec.target_column] = "the target"
    rate_by = spec.rule.rule.rate_by if isinstance(spec.rule.rule, RateBy) else ()
    for place, columns in (("features", listed), ("candidates", rate_by)):
        for column in columns:
            if column in forbidden:
                refuse("features-forbidden", f"'{column}' is {forbidden[column]}", place)


__all__ = ["Project", "Schedule", "find_project", "list_projects", "load_project"]
