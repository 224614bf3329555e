"""Reading published predictions, so that nobody reads manifests by hand."""

from typing import TYPE_CHECKING

from tierra.workspace import open_workspace

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame


def read_predictions(project: str, partition: str, *, generation: int | None = None) -> "DataFrame":
    """The published predictions of one partition, verified, one row a key."""
    return read_table(project, partition, generation).to_pandas(date_as_object=False)


def read_table(project: str, partition: str, generation: int | None = None) -> "pa.Table":
    """The same as an Arrow table, with the types that were published."""
    from tierra.store.predictions import read_published

    workspace = open_workspace()
    spec = workspace.project(project)
    return read_published(workspace.sink(spec), partition, generation)
