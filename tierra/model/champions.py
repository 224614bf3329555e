"""Which version serves each project, read from the registry without MLflow: loading it costs seconds.

MLflow's tables are read as it lays them out; a registry on a server is asked by its API.
"""

import base64
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tierra.errors import Misconfigured, Unavailable

ALIAS = "champion"
SECONDS = 5
TABLE = "registered_model_aliases"
SERVING = f"""
from {TABLE} a join model_versions v on v.name = a.name and v.version = a.version
"""
ALL = f"select v.name, v.version, v.creation_time {SERVING} where a.alias = '{ALIAS}'"
ONE = f"""
select v.version, v.creation_time, v.run_id, r.experiment_id, r.artifact_uri, v.storage_location, t.value
{SERVING} join runs r on r.run_uuid = v.run_id
left join model_version_tags t on t.name = v.name and t.version = v.version and t.key = 'release_sha256'
where a.alias = '{ALIAS}' and a.name = :project
"""
Champions = dict[str, tuple[str, datetime]]


class Pointer(NamedTuple):
    """The version that serves, where its files lie, and the digest its release must have."""

    version: str
    registered: datetime
    run_id: str
    experiment_id: str
    run_files: str
    model_files: str
    release_sha256: str


def read_champions(uri: str, projects: Iterable[str]) -> Champions:
    """The champion's version and the moment it was registered, by project. Raises Unavailable, Misconfigured."""
    try:
        remote = uri.startswith(("http://", "https://"))
        rows = [row for each in projects for row in _ask(uri, each)] if remote else _query(uri, ALL)
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable("registry-unavailable", f"registry: {str(error).splitlines()[0]}") from None
    return {name: (str(version), moment(made)) for name, version, made in rows}


def find_pointer(uri: str, project: str) -> Pointer | None:
    """The version that serves a project, of a registry in a database. Raises Unavailable, Misconfigured."""
    for version, made, run, experiment, *places in _query(uri, ONE, project=project):
        run_files, model_files, release = (str(place or "") for place in places)
        return Pointer(str(version), moment(made), str(run), str(experiment), run_files, model_files, release)
    return None


def moment(milliseconds: int) -> datetime:
    """A moment as MLflow keeps it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _query(uri: str, query: str, **values: str) -> list[Any]:
    """The rows of a query; none when there are no tables yet: the first training makes them."""
    return _in_file(uri, query, values) if uri.startswith("sqlite:") else _in_database(uri, query, values)


def _in_file(uri: str, query: str, values: dict[str, str]) -> list[Any]:
    file = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    if not file.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=SECONDS)) as database:
            there = database.execute("select 1 from sqlite_master where name = ?", [TABLE]).fetchall()
            return database.execute(query, values).fetchall() if there else []
    except sqlite3.Error as error:
        raise Unavailable("registry-unavailable", f"registry: {error}") from None


def _in_database(uri: str, query: str, values: dict[str, str]) -> list[Any]:
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(uri, connect_args={"connect_timeout": SECONDS}, poolclass=NullPool)
        with engine.connect() as connection:
            there = inspect(connection).has_table(TABLE)
            return list(connection.execute(text(query), values).tuples()) if there else []
    except (ImportError, ArgumentError) as error:
        raise Misconfigured("registry-address", f"TIERRA_MLFLOW_URI: {str(error).splitlines()[0]}") from None
    except SQLAlchemyError as error:  # its text may hold the password
        said = f"{type(error).__name__} at {uri.rpartition('@')[2]}"
        raise Unavailable("registry-unavailable", f"registry: {said}") from None


def _ask(uri: str, project: str) -> Iterator[tuple[str, str, int]]:
    asked = urlencode({"name": project, "alias": ALIAS})
    where = f"{uri.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{asked}"
    request = Request(where, headers=_login())  # noqa: S310  the address is a setting of ours
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            found = json.load(answer)["model_version"]
    except HTTPError as error:
        if error.code in (400, 404):  # no such model, or no such alias
            return
        raise URLError(f"it answers {error.code}") from None
    yield project, found["version"], int(found["creation_timestamp"])


def _login() -> dict[str, str]:
    """MLflow's own variables for a server that asks who one is."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD"))
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password or ''}".encode()).decode()}
