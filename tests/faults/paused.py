"""A writer that stops before one of its steps until it is told to go on."""

import sys
from typing import Any

from tests.faults.publishing import Place, run_in_words
from tierra.store import sinks, sql_parts, sql_sink


def main(asked: dict[str, Any]) -> str:
    place, step = Place(**asked["place"]), asked["before"]
    owner: Any = sql_parts if step == "move_in" else sinks.ObjectSink if place.kind in ("folder", "S3") else None
    owner = owner or sql_sink.SqlSink
    real = getattr(owner, step)

    def wait(*arguments: Any) -> Any:
        setattr(owner, step, real)
        print("here", flush=True)
        sys.stdin.readline()
        return real(*arguments)

    setattr(owner, step, wait)
    return run_in_words(place, version=asked.get("version", "1"))
