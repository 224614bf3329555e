"""Sinks to try faults on, and the table of what survived.

`make test` tries some of the cases; with FAULTS=all, as `make faults` sets it, all are tried.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.faults.publishing import Place
from tests.gcs_server import GcsServer
from tests.s3_server import S3Server
from tests.servers import lend_database

ALL = os.environ.get("FAULTS") == "all"
KINDS = ("folder", "SQLite", "PostgreSQL", "S3", *(["GCS"] if ALL else []))

Survived = Callable[[str, str, bool], None]


def settings_of(server: S3Server, url: str | None = None) -> dict[str, str]:
    """How another process reaches an object store, or a proxy before it."""
    return {"endpoint_url": url or server.url, "access_key_id": server.key, "secret_access_key": server.secret}


@pytest.fixture
def survived(record_property: Callable[[str, object], None]) -> Survived:
    """Counts a case of a sink and a fault, and whether everything held."""
    return lambda sink, fault, held: record_property("case", (fault, sink, held))


@pytest.fixture
def place_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Place]]:
    """Empty sinks of a kind; `{}` in their address numbers them."""
    lent = ExitStack()

    def make(kind: str) -> Place:
        if kind == "folder":
            return Place(kind, str(tmp_path / "sink{}"))
        if kind == "SQLite":
            return Place(kind, f"sqlite:///{tmp_path}/sink{{}}.db")
        if kind == "S3":
            server: S3Server = request.getfixturevalue("s3")
            return Place(kind, f"s3://{server.bucket()}/{{}}", settings_of(server))
        if kind == "GCS":
            google: GcsServer = request.getfixturevalue("gcs")
            return Place(kind, f"gs://{google.bucket()}/{{}}", {"endpoint_url": google.url})
        url = lent.enter_context(lend_database(request.getfixturevalue("postgres")))
        return Place(kind, url, schema="s{}")

    with lent:
        yield make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Sink by fault: how many cases, and how many of them survived."""
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    cases = [value for report in ended for name, value in report.user_properties if name == "case"]
    if not cases:
        return
    kinds = dict.fromkeys([*KINDS, *(sink for _, sink, _ in cases)])
    table = Table("fault", *kinds, title="cases survived")
    for fault in dict.fromkeys(fault for fault, _, _ in cases):
        table.add_row(
            fault, *(_said([held for what, sink, held in cases if (what, sink) == (fault, kind)]) for kind in kinds)
        )
    Console(width=120).print(table)
    terminalreporter.write_line(f"{len(cases)} cases, {sum(held for _, _, held in cases)} survived")


def _said(cases: list[bool]) -> str:
    return f"{sum(cases)} of {len(cases)}" if cases else ""
