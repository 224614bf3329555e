"""The installation of a day of operation: what can be broken in it, and what ops sees of it."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tests.builders import CLOCK, ride_source, ride_spec, rides, write_project, write_warehouse
from tests.ops import Ops, a_server, end, kill, until
from tests.servers import Receiver, a_receiver

LAST = "2024-04-29"
SCORE = {"lookback": "2d", "watch": "10d", "ready": {"min_rows": 15}}
# What a test may not wait for.
QUICK = {"PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1", "TIERRA_HEARTBEAT_SECONDS": "30",
         "TIERRA_CLOCK": CLOCK, "TIERRA_ALERT_WEBHOOK": ""}  # fmt: skip
STATUS_EVERY = 20
SHORTENED = (
    f"the watchdog writes the status page every {STATUS_EVERY} s, not every 15 min; heartbeats every 30 s, not 60;"
    " the clock stands at one night, and runs are started through the API, as a schedule does"
)


@dataclass(frozen=True)
class Seen:
    """What ops sees of an accident, where, after how long, and once it is repaired."""

    what: str
    where: str
    after: str = ""
    then: str = ""


@dataclass
class Place:
    """One installation with a champion, two published days and everything running."""

    ops: Ops
    told: Receiver
    folder: Path
    worker: "subprocess.Popen[bytes]"
    watchdog: "subprocess.Popen[bytes]"
    began: float = field(default_factory=time.monotonic)

    @property
    def database(self) -> Path:
        return self.folder / "warehouse.db"

    @property
    def projects(self) -> Path:
        return self.folder / "projects"

    def load(self, table: pd.DataFrame) -> None:
        """What the loader leaves at the source."""
        write_warehouse(self.database, rides=table)

    def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.execute(statement)

    def change(self) -> None:
        """Correct a row of the last day, so that it is due again."""
        self.execute(f"update rides set rain = rain + 0.001 where day = '{LAST}'")

    def begin(self, name: str = "score/rides", tags: tuple[str, ...] = ("auto-scheduled",), **parameters: Any) -> str:
        """Start a run as its schedule does."""
        self.began = time.monotonic()
        return self.ops.run(name, tags=tags, project="rides", **parameters)

    def ended(self, run: str, seconds: float = 240) -> str:
        """The run's end as its page shows it first: state and reason."""
        state = self.ops.ended(run, seconds)
        return f"{state['name']}: {(state['message'] or '').splitlines()[0]}"

    def mended(self, run: str) -> str:
        """The end of a run that died and is started again."""
        until(f"{run} is mended", 400, lambda: self.ops.state(run)["type"] in ("COMPLETED", "FAILED"))
        return self.ended(run)

    def score(self, **parameters: Any) -> str:
        return self.ended(self.begin(**parameters))

    @property
    def seconds(self) -> str:
        """Since the last run was started, or the last thing broken."""
        return f"{time.monotonic() - self.began:.0f} s"

    def broke(self) -> None:
        self.began = time.monotonic()

    def message(self, words: str, seconds: float = 90) -> str:
        """A message that the webhook got, with these words in it."""
        found: str = until(
            f"a message with '{words}'", seconds,
            lambda: next((each["text"] for each in reversed(self.told.messages) if words in each["text"]), ""),
        )  # fmt: skip
        return found

    def status(self) -> dict[str, Any]:
        """`tierra status --json`, whatever its level."""
        found: dict[str, Any] = json.loads(self.ops.command("status", "--json").stdout)
        return found

    def line(self, subject: str) -> str:
        """What `tierra status` says of a subject: level and reason."""
        said = self.status()
        for each in [*said["alarms"], *({**flow, "subject": f"{flow['flow']}/{flow['project']}",
                                         "what": "; ".join(flow["reasons"])} for flow in said["flows"]),
                     *({**check, "subject": check["name"]} for check in said["health"])]:  # fmt: skip
            if each["subject"] == subject and each["level"] != "green":
                return f"{each['level'].upper()} {subject}: {each['what']}"
        return f"green {subject}"

    def published(self) -> dict[str, int]:
        """The newest generation of each day."""
        folder = self.folder / "var/predictions/rides/manifests"
        return {each.name: len(list(each.iterdir())) for each in sorted(folder.iterdir())} if folder.is_dir() else {}

    def start_worker(self) -> None:
        self.worker = self.ops.warm_worker()

    def kill_all(self) -> None:
        """The machine loses its power: server, worker, watchdog and every run, at once."""
        for process in [self.worker, self.watchdog, *(each for each in self.ops.processes if each.poll() is None)]:
            kill(process)

    def start_all(self) -> None:
        self.ops.server()
        self.watchdog = self.ops.watchdog("--status", str(STATUS_EVERY))
        self.start_worker()


@contextmanager
def open_place(folder: Path) -> Iterator[Place]:
    """The installation, trained and with its first two days published; everything ends with it."""
    source = ride_source(kind="sql", path=None, connection="warehouse", table="rides", types={"day": "date"})
    schedule = {"score": "0 3 * * *"}
    write_project(folder / "projects/rides", ride_spec(sources=source, score=SCORE, schedule=schedule))
    write_warehouse(folder / "warehouse.db", rides=rides())
    with a_receiver() as told:
        environment = QUICK | {
            "TIERRA_ALERT_WEBHOOK": told.url,
            "TIERRA_CONNECTIONS__WAREHOUSE__URL": f"sqlite:///{folder / 'warehouse.db'}",
        }
        with a_server(folder, **environment) as ops:
            ops.tierra("deploy")
            watchdog, worker = ops.watchdog("--status", str(STATUS_EVERY)), ops.warm_worker()
            place = Place(ops, told, folder, worker, watchdog)
            assert place.ended(place.begin("train/rides"), 300).startswith("Promoted")
            assert place.score().startswith("Published")
            yield place
            for process in (place.worker, place.watchdog):
                end(process)


def seen_within(what: str, seconds: float, look: Callable[[], str], words: str) -> str:
    """What is seen once it holds these words."""
    found: str = until(what, seconds, lambda: said if words in (said := look()) else "", 2)
    return found
