"""The Prefect server that `make up` starts, when its database on SQLite is locked."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import httpx

A_MINUTE = 60  # for which Prefect's own server waits
NEW = {"name": "while-locked", "value": "1"}


def test_a_locked_database_is_no_minute_of_silence(prefect_server: str) -> None:
    with closing(sqlite3.connect(Path(os.environ["PREFECT_HOME"]) / "prefect.db", isolation_level=None)) as writer:
        writer.execute("begin immediate")
        began = time.monotonic()
        refused = httpx.post(f"{prefect_server}/variables/", json=NEW, timeout=2 * A_MINUTE)
        waited = time.monotonic() - began
        writer.execute("rollback")
    assert (refused.status_code, waited < A_MINUTE / 2) == (503, True), f"{refused} after {waited:.1f} s"
    assert httpx.post(f"{prefect_server}/variables/", json=NEW, timeout=2 * A_MINUTE).status_code == 201
