"""Looks at the runs again and again; what is seen twice is done."""

import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
from loguru import logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import PrefectException

from deployments.watchdog.acting import perform
from deployments.watchdog.judging import MISSED_HEARTBEATS, Action, judge
from deployments.watchdog.local import find_possible_pids, find_runs_here
from deployments.watchdog.reading import read_heartbeats, read_runs
from deployments.watchdog.runs import Run, Signs
from tasks.server.watchdog import leave_trace

TRACE_EVERY: Final = timedelta(minutes=1)
# A machine that slept, or a server that took its time: nothing was heard meanwhile.
LONGEST_GAP: Final = timedelta(minutes=1)


@dataclass
class Watch:
    """One watch over the runs of a server, and what it remembers from one look to the next."""

    client: SyncPrefectClient
    heartbeat_seconds: int
    host: str = field(default_factory=socket.gethostname)
    # Silence counts only while somebody listens and the server answers.
    listening_since: datetime | None = None
    seen: frozenset[str] = frozenset()
    looked: datetime | None = None
    traced: datetime | None = None

    def look(self) -> None:
        """Look once, and do what was seen at the last look too. A server that does not answer is no news of any run."""
        now = datetime.now(UTC)
        if self.looked and now - self.looked > LONGEST_GAP:
            self._forget()
        self.looked = now
        try:
            self._act(now)
            self._leave_trace(now)
        except httpx.HTTPError as error:
            if self.listening_since:
                logger.warning("the server does not answer, runs are not watched: {}", error)
            self._forget()

    def _forget(self) -> None:
        self.listening_since, self.seen = None, frozenset()

    def _act(self, now: datetime) -> None:
        runs = read_runs(self.client, now)
        self.listening_since = self.listening_since or now
        actions = {each.key: each for each in judge(runs, self._signs(runs, now), now)}
        for key in actions.keys() & self.seen:
            self._perform(actions[key])
        self.seen = frozenset(actions)

    def _perform(self, action: Action) -> None:
        """Do one action. What the server refuses for one run keeps nobody from the others."""
        try:
            perform(self.client, action)
        except (httpx.HTTPStatusError, PrefectException) as error:
            logger.warning("refused, {}: {}", action.key, error)

    def _signs(self, runs: list[Run], now: datetime) -> Signs:
        """The signs of life; read after the runs, so that a process that ended in between has set its state before."""
        silence = timedelta(seconds=MISSED_HEARTBEATS * self.heartbeat_seconds)
        here = find_runs_here() if runs else {}
        alive = frozenset(here.values())
        silent = [run for run in runs if run.id not in alive and now - run.since > silence]
        return Signs(
            host=self.host,
            listening_since=self.listening_since or now,
            silence=silence,
            processes=alive,
            pids=find_possible_pids(runs, here),
            heartbeats=read_heartbeats(self.client, silent),
        )

    def _leave_trace(self, now: datetime) -> None:
        if self.traced is None or now - self.traced >= TRACE_EVERY:
            leave_trace(self.client, now)
            self.traced = now
