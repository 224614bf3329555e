"""A process that takes a snapshot of a table and prints, as its last line, its rows and the most memory it held."""

import json
import os
import sys
from pathlib import Path

from tests.bench.measure import peak_memory
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import open_source
from tierra.data.spec import SqlSource
from tierra.data.window import EVERYTHING
from tierra.settings import Settings
from tierra.store.local_objects import LocalObjects


def main(home: Path, url: str) -> None:
    source = SqlSource(kind="sql", connection="warehouse", table="rides", key=("ride_id",))
    settings = Settings(home=home, connections={"warehouse": {"url": url}})
    reader = open_source("rides", source, home, settings)
    taken = take_snapshot(LocalObjects(home / "store"), source, reader, EVERYTHING)
    print(json.dumps({"rows": taken.rows, "sha256": taken.sha256, "peak": peak_memory()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), os.environ["DATABASE"])
