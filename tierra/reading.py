"""Reading published predictions, so that nobody reads manifests by hand."""

from datetime import date
from typing import TYPE_CHECKING

from tierra.errors import InvalidCall
from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame


def read_predictions(project: str, partition: str, *, generation: int | None = None) -> "DataFrame":
    """The published predictions of one partition, verified, one row a key."""
    return read_table(project, partition, generation).to_pandas(date_as_object=False)


def read_table(project: str, partition: str, generation: int | None = None) -> "pa.Table":
    """The same as an Arrow table, with the types that were published."""
    from tierra.data.partitions import ALL
    from tierra.store.predictions import find_newest, read_published

    workspace = open_workspace()
    spec = workspace.project(project)
    if partition == ALL and spec.main_source.partition_by:
        newest = find_newest(workspace.sink(spec), date.max)
        shown = f"; the newest is {newest[0]}" if newest else ", and no day has been published yet"
        raise InvalidCall("partition-needed", f"{spec.name} is published by day{shown}")
    return read_published(workspace.sink(spec), partition, generation)
