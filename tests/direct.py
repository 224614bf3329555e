"""The flows' own bodies and stations without Prefect around them: the same calls, many times faster."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tierra.journal import Journal, open_journal
from tierra.outcomes.scoring import Scored
from tierra.outcomes.training import Trained
from tierra.workspace import open_workspace


@contextmanager
def without_prefect(flow: str) -> Iterator[Callable[..., Any]]:
    """The body of flows.<flow>, whose stations are not retried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.run.station.DELAYS", ())
        yield getattr(importlib.import_module(f"flows.{flow}"), flow).fn.__wrapped__


def train_directly(project: str) -> tuple[Trained, Journal]:
    """What `tierra train` does, and its journal. Raises the errors that end a run."""
    with without_prefect("train") as body, open_journal() as journal:
        return body(open_workspace(), project), journal


def score_directly(project: str, partition: str | None = None, **more: Any) -> tuple[Scored, Journal]:
    """What `tierra score` does, and its journal. Raises the errors that end a run."""
    with without_prefect("score") as body, open_journal() as journal:
        return body(open_workspace(), project, partition, **more), journal
