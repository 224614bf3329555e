"""The rows of other data on the side of the split that they have in the first, so that both are judged on the same."""

from dataclasses import replace

import pandas as pd
import pyarrow as pa

from tierra.data.frames import to_frame
from tierra.data.recipe import ROW, TARGET, UNIT
from tierra.data.spec import PARTS
from tierra.data.split import check_parts
from tierra.project.project import Project
from tierra.steps.learning_rows import LearningRows
from tierra.steps.parts import Parts
from tierra.store.tables import read_table, write_table


def cut_alike(project: Project, one: LearningRows) -> Project:
    """The project with a split by time cut on the days on which the first is cut, however far its own data reach."""
    if project.split.by != "time":
        return project
    objects = one.workspace.objects
    days = {name: to_frame(read_table(objects, getattr(one.parts, name), [UNIT]))[UNIT].min().date()
            for name in ("validation", "test")}  # fmt: skip
    return project.model_copy(update={"split": project.split.model_copy(update=days)})


def with_sides_of(one: LearningRows, other: LearningRows) -> LearningRows:
    """The other rows, each on the side of its key in the first; else of its day, group or content; else its own.

    Of rows with other values or other columns the content is another, and they would be cut apart anew. Raises
    DataRejected where a part is left empty.
    """
    first, second = _sides(one), _sides(other)
    side = second["key"].map(first.drop_duplicates("key").set_index("key")["part"])
    side = side.fillna(second[UNIT].map(first.drop_duplicates(UNIT).set_index(UNIT)["part"]))
    return replace(other, parts=_parts(other, side.fillna(second["part"])))


def _sides(rows: LearningRows) -> pd.DataFrame:
    """Key, unit and part of every row that has a part, training first."""
    objects = rows.workspace.objects
    parts = {name: to_frame(read_table(objects, getattr(rows.parts, name), [ROW, UNIT])) for name in PARTS}
    sides = pd.concat([table.assign(part=name) for name, table in parts.items()], ignore_index=True)
    return sides.assign(key=rows.keys[sides[ROW].to_numpy()])


def _parts(rows: LearningRows, side: pd.Series) -> Parts:
    """The parts with each row, training first, on its side."""
    objects = rows.workspace.objects
    whole = pa.concat_tables([read_table(objects, getattr(rows.parts, name)) for name in PARTS])
    check_parts(side, to_frame(whole.select([TARGET]))[TARGET], rows.parts.labels)
    parts = {name: whole.filter(pa.array(side == name)).sort_by(ROW) for name in PARTS}
    refs = {name: write_table(objects, "features/", part.schema, [part]) for name, part in parts.items()}
    return rows.parts.model_copy(update=refs)
