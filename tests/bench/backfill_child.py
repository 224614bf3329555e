"""A process that fills a range; its last line says what it cost, and what the busiest process of its own cost."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.direct import score_directly
from tierra import steps
from tierra.environment import QUIET, set_defaults
from tierra.steps.days import Day, DayDone, score_days
from tierra.workspace import Workspace


def measured(folder: Path, workspace: Workspace, days: Sequence[Day]) -> Iterator[DayDone]:
    """Score the days, and write down what this process cost."""
    yield from score_days(workspace, days)
    (folder / str(os.getpid())).write_text(str(time.process_time()))


def main(request: str) -> None:
    set_defaults(QUIET)
    with TemporaryDirectory() as folder:
        steps.days.score_days = partial(measured, Path(folder))  # type: ignore[assignment]
        outcome, _ = score_directly("rides", **json.loads(request))
        busiest = max((float(file.read_text()) for file in Path(folder).iterdir()), default=0.0)
    print(json.dumps({"end": outcome.outcome, "partitions": len(outcome.partitions), "busiest": busiest}))


if __name__ == "__main__":
    main(*sys.argv[1:])
