"""What tests let workers of Ray do: no test's module, whose import would clear the settings of the environment."""

import sys
from collections.abc import Iterator

from tierra.steps.fold_scores import Piece, predict_fold
from tierra.workspace import Workspace


def fit_and_look(workspace: Workspace, piece: Piece) -> Iterator[tuple[str, list[str]]]:
    """A fold's work, and what its process has loaded of others than the library."""
    for each in predict_fold(workspace, piece):
        yield each.candidate, sorted({name.partition(".")[0] for name in sys.modules} & {"prefect", "mlflow", "tasks"})
