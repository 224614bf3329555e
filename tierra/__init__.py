"""Tierra takes a model from the notebook down to earth."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

try:
    __version__ = version("tierra")
except PackageNotFoundError:  # a checkout on the path that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "read_predictions"]


def read_predictions(project: str, partition: str, **options: Any) -> "DataFrame":
    """The published predictions of one partition, verified, one row a key.

    `project` is a name under projects/ or a path; `generation=` reads an older
    one. Raises PartitionUnknown when nothing is published.
    """
    from tierra.reading import read_predictions as read

    return read(project, partition, **options)
