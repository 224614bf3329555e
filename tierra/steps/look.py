"""A look at the data before anything is run: each source's first rows, and the columns that the project names."""

from collections.abc import Iterable, Iterator, Mapping

from tierra.data.columns import describe_missing, require_columns
from tierra.data.frames import UNREAD
from tierra.data.plain_columns import CALENDAR, SEASON
from tierra.data.row_numbers import PUBLISHED_NUMBER, refuse_name
from tierra.data.snapshot import look_at_rows
from tierra.errors import DataRejected
from tierra.model.balance_functions import TARGET
from tierra.model.row_rule import columns_of
from tierra.model.spec import RateBy
from tierra.project.project import Project
from tierra.spec import FUNCTION
from tierra.steps.pull import open_table
from tierra.workspace import Workspace

FIRST_ROWS = 1_000


def look_at_data(workspace: Workspace, project: Project) -> None:
    """Read the first rows of each source, and find the columns that the project names.

    Raises what a training would raise of them: Misconfigured, DataRejected, Unavailable.
    """
    check_columns(project, {name: look_at_source(workspace, project, name) for name in project.sources})


def look_at_source(workspace: Workspace, project: Project, name: str) -> list[str]:
    """The columns of a source whose first rows can be read."""
    rows = look_at_rows(project.sources[name], open_table(workspace, project, name), FIRST_ROWS)
    return [each for each in rows.names if each != UNREAD]


def check_columns(project: Project, columns: Mapping[str, list[str]]) -> None:
    """Raise DataRejected for a column that the project names and no table has, or that two tables have."""
    main = columns[project.main]
    if not project.main_source.key:
        refuse_name(f"source {project.main}", PUBLISHED_NUMBER, main)
    require_columns("score.keep", project.score.keep, main)
    for each in project.contract.expectations:
        table = each.table or project.main
        require_columns(f"{table}: contract", each.columns, columns[table])
    rows = _joined(project, columns)
    if not FUNCTION.match(project.target) and project.target not in rows:
        raise DataRejected("target-missing", f"target: {describe_missing([project.target], rows)}")
    for place, names in _named(project, rows):
        require_columns(place, names, rows)


def _joined(project: Project, columns: Mapping[str, list[str]]) -> list[str]:
    """The columns of the joined rows."""
    rows = list(columns[project.main])
    for join in project.joins:
        own, theirs = ([join.as_of.left], [join.as_of.right]) if join.as_of else ([], [])
        require_columns(f"{join.left}: join", [*join.on, *own], rows)
        require_columns(f"{join.right}: join", [*join.on, *theirs], columns[join.right])
        for name in filter(None, map(join.joined_name, columns[join.right])):
            if name in rows:
                raise DataRejected("join-columns", f"both sides of the join with {join.right} have '{name}'")
            rows.append(name)
    return rows


def _columns_of(project: Project, rows: list[str], features: Iterable[str]) -> tuple[str, ...]:
    """The features that are columns; the parts of dates are none, nor what a function makes."""
    parts = {TARGET, *(f"{name}_{part}" for name in rows for part in (*CALENDAR, SEASON))}
    return () if isinstance(project.features, str) else tuple(name for name in features if name not in parts)


def _prepared(project: Project) -> list[str]:
    pairs = [name for pair in project.preprocessing.interactions for name in pair]
    return [*project.preprocessing.columns, *pairs]


def _named(project: Project, rows: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The columns of the joined rows that other keys name; what `prepare` makes is not known here."""
    if project.weight and not FUNCTION.match(project.weight):
        yield "weight", (project.weight,)
    if project.split.column and not (project.prepare and project.split.by == "group"):
        yield "split", (project.split.column,)
    yield "slices", project.slices
    if project.prepare is None:
        yield "features", project.features if isinstance(project.features, tuple) else ()
        yield "preprocessing", _columns_of(project, rows, _prepared(project))
        yield "balance: remove", _columns_of(project, rows, set().union(*map(columns_of, project.removing_conditions)))
        yield "rate_by", project.rule.rule.rate_by if isinstance(project.rule.rule, RateBy) else ()
