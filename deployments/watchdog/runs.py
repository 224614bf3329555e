"""Runs as the server holds them, and the signs that they live. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Run:
    """One run of ours that has not ended, or that crashed."""

    id: str
    name: str
    kind: str  # the type of its state, such as RUNNING
    state: str
    state_id: str
    since: datetime
    message: str = ""
    deployment: str | None = None
    worker: str | None = None
    pid: int | None = None
    suspended: bool = False
    # How often it was scheduled again since its last end that was no crash; known when that decides.
    restarts: int = 0


@dataclass(frozen=True)
class Signs:
    """The signs of life of all runs, as far as they can be seen from here.

    `host` names this machine, as workers started by `make up` are named. `processes` are the runs that have a process
    here; `pids` the processes that could belong to one, being alive and not known to be another's.
    """

    host: str
    listening_since: datetime
    silence: timedelta
    processes: frozenset[str] = frozenset()
    pids: frozenset[int] = frozenset()
    heartbeats: Mapping[str, datetime] = field(default_factory=dict)
