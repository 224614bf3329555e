"""The schema a release keeps of each source: every later read has its columns, in its types and its order."""

from collections.abc import Mapping

from tierra.data.frames import UNREAD, kinds_of
from tierra.data.row_numbers import ROW_NUMBER
from tierra.data.spec import ColumnType
from tierra.project.project import Project
from tierra.store.refs import TableRef

Schema = dict[str, ColumnType]
# What of a project's own functions sees the columns themselves when scoring.
SEES_ROWS = {"prepare", "features", "rule"}


def schemas_of(project: Project, snapshots: Mapping[str, TableRef]) -> dict[str, Schema]:
    """The schema of each source as it was read for training."""
    return {name: _schema(project, name, ref) for name, ref in snapshots.items()}


def _schema(project: Project, source: str, ref: TableRef) -> Schema:
    kinds = kinds_of({name: kind for name, kind in ref.columns.items() if name not in (ROW_NUMBER, UNREAD)})
    exact = _looked_at_exactly(project, source, kinds)
    return {name: "number" if kind == "integer" and name not in exact else kind for name, kind in kinds.items()}


def _looked_at_exactly(project: Project, source: str, kinds: Schema) -> set[str]:
    """The columns of which more is seen than a number: of the others a night may hold fractions, as models take."""
    if SEES_ROWS & set(project.functions):
        return set(kinds)
    declared = project.sources[source]
    joined = {name for join in project.joins for name in join.on}
    expected = {name for each in project.contract.of(source, project.main) for name in each.columns}
    return {*declared.key, *declared.types, *project.score.keep, *joined, *expected}
