"""Reading published predictions, so that nobody reads manifests by hand."""

from typing import TYPE_CHECKING

from tierra.workspace import open_workspace

if TYPE_CHECKING:
    from pandas import DataFrame


def read_predictions(project: str, partition: str, *, generation: int | None = None) -> "DataFrame":
    """The published predictions of one partition, verified, one row a key."""
    from tierra.store.predictions import read_published

    workspace = open_workspace()
    spec = workspace.project(project)
    table = read_published(workspace.sink(spec), spec.dataset, partition, generation)
    return table.to_pandas(date_as_object=False)
