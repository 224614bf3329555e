"""An installation as ops sees it: records, a champion, a publication, and deployments on a real server."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from typer.testing import CliRunner, Result

from tasks.server.names import POOL, WATCHDOG
from tests.champions import keep_champion
from tests.servers import call_api
from tierra.cli.commands import app
from tierra.report.index import Run, add_run
from tierra.store.local_objects import LocalObjects
from tierra.store.manifest import Manifest
from tierra.store.predictions import publish
from tierra.store.sinks import ObjectSink

CRON = "0 3 * * *"


@dataclass(frozen=True)
class Operations:
    """An installation with one project, and its deployments on the server."""

    folder: Path
    url: str

    def post(self, path: str, **body: Any) -> Any:
        return call_api(self.url, "POST", path, body)

    def delete(self, path: str) -> None:
        call_api(self.url, "DELETE", path)

    def deploy(self, flow: str, project: str = "rides", cron: str | None = CRON, **more: Any) -> str:
        flow_id = self.post("/flows/", name=flow)["id"]
        schedules = [{"active": True, "schedule": {"cron": cron, "timezone": "UTC"}}] if cron else []
        body = {"name": project, "flow_id": flow_id, "tags": ["tierra", project], "schedules": schedules, **more}
        made: str = self.post("/deployments/", **body)["id"]
        return made

    def work(self) -> None:
        """A worker says that it is there, and a watchdog that it looked."""
        self.post(f"/work_pools/{POOL}/workers/heartbeat", name="one", heartbeat_interval_seconds=30)
        self.delete(f"/variables/name/{WATCHDOG}")
        self.post("/variables/", name=WATCHDOG, value=datetime.now(UTC).isoformat())

    def end(self, deployment: str, kind: str, name: str, message: str = "") -> str:
        """A run of a deployment that ended like this."""
        run: str = self.post(f"/deployments/{deployment}/create_flow_run")["id"]
        for state in ({"type": "RUNNING"}, {"type": kind, "name": name, "message": message}):
            self.post(f"/flow_runs/{run}/set_state", state=state, force=True)
        return run

    def record(self, hours: float, flow: str = "score", outcome: str = "Published", **more: Any) -> None:
        ended = datetime.now(UTC) - timedelta(hours=hours)
        folder = self.folder / "var/receipts/rides"
        folder.mkdir(parents=True, exist_ok=True)
        receipt = folder / f"{ended:%Y%m%dT%H%M%S}-{flow}-{uuid4().hex[:6]}.html"
        receipt.write_text("a receipt")
        said = {"mood": "good", "sentence": "So it went.", "seconds": 12.5, **more}
        add_run(receipt, "rides", Run(moment=f"{ended:%Y-%m-%d %H:%M:%S UTC}", flow=flow, outcome=outcome, **said))

    def publish(self) -> None:
        sink = ObjectSink(LocalObjects(self.folder / "var/predictions"), "rides")
        part = sink.write_part("2024-04-29", 1, iter([pa.table({"ride_id": range(17)})]))
        manifest = Manifest(dataset="rides", partition="2024-04-29", inputs="i", model="m", scoring="s",
                            model_version="1", rows_in=20, rows_scored=17, rows_quarantined=3,
                            parts=(part,))  # fmt: skip
        publish(sink, manifest, 0)

    def register(self) -> None:
        """A champion, and MLflow's alias on it, in the table that tests/integration/test_registry.py proves."""
        keep_champion(LocalObjects(self.folder / "var/store"), version="4")
        self.show(4)

    def show(self, version: int) -> None:
        """MLflow's alias, wherever it was, names this version."""
        with closing(sqlite3.connect(self.folder / "var/mlflow.db")) as database, database:
            database.execute("create table if not exists registered_model_aliases (name, alias, version)")
            database.execute("delete from registered_model_aliases")
            database.execute("insert into registered_model_aliases values ('rides', 'champion', ?)", [version])

    def status(self, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
        done = self.told(*arguments, "--json")
        assert done.exit_code == exit_code, done.output
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def told(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["status", *arguments], env={"COLUMNS": "120"})


def flow_of(said: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in said["flows"] if f"{each['flow']}/{each['project']}" == name)
