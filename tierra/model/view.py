"""What MLflow shows as serving: its alias, read without importing MLflow, which costs seconds.

It decides nothing. An alias moved by hand changes the view alone, and `tierra status` says so.
"""

import base64
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tierra.errors import Misconfigured, Unavailable

ALIAS = "champion"
SECONDS = 5
TABLE = "registered_model_aliases"
# No answer, or one that is not as MLflow lays it out today.
FAILURES = (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError, sqlite3.Error)
QUERY = f"select name, version from {TABLE} where alias = '{ALIAS}'"  # noqa: S608  of constants


def alias_of(uri: str, projects: Iterable[str]) -> dict[str, str]:
    """The version that the alias names, by project; projects without one are left out.

    Raises Unavailable when nobody answers, Misconfigured for what is no address.
    """
    names = list(projects)
    if "://" not in uri:
        raise Misconfigured("registry-address", f"TIERRA_MLFLOW_URI: {uri} is no address")
    try:
        if is_server(uri):
            return {project: version for project in names for version in _ask(uri, project)}
        rows = _in_file(uri) if uri.startswith("sqlite:") else _in_database(uri)
        return {str(name): str(version) for name, version in rows if name in names}
    except FAILURES as error:
        raise Unavailable("registry-unavailable", f"registry: {_line_of(error)}") from None


def is_server(uri: str) -> bool:
    """Whether the address is that of an MLflow server; else it is a database's."""
    return uri.startswith(("http://", "https://"))


def describe_move(project: str, version: str, aliases: Mapping[str, str]) -> str:
    """What is wrong with MLflow's alias, where it names another version than serves; else nothing."""
    if aliases.get(project, "") == version:
        return ""
    shown = f"names version {aliases[project]}" if project in aliases else "names none"
    return f"MLflow's alias '{ALIAS}' of {project} {shown}, and version {version or 'none'} serves"


def _in_file(uri: str) -> list[Any]:
    """The rows of a SQLite file; none when it is not there yet: the first training makes it."""
    file = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    if not file.is_file():
        return []
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=SECONDS)) as database:
        there = database.execute("select 1 from sqlite_master where name = ?", [TABLE]).fetchall()
        return database.execute(QUERY).fetchall() if there else []


def _in_database(uri: str) -> list[Any]:
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(uri, connect_args={"connect_timeout": SECONDS}, poolclass=NullPool)
    except (ImportError, ArgumentError) as error:
        raise Misconfigured("registry-address", f"TIERRA_MLFLOW_URI: {_line_of(error)}") from None
    try:
        with engine.connect() as connection:
            there = inspect(connection).has_table(TABLE)
            return list(connection.execute(text(QUERY)).tuples()) if there else []
    except SQLAlchemyError as error:  # its text may hold the password
        failure = f"{type(error).__name__} at {uri.rpartition('@')[2]}"
        raise Unavailable("registry-unavailable", f"registry: {failure}") from None


def _ask(uri: str, project: str) -> Iterator[str]:
    query = urlencode({"name": project, "alias": ALIAS})
    where = f"{uri.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{query}"
    request = Request(where, headers=_login())  # noqa: S310  the address is a setting of ours
    try:
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            found = json.load(answer)["model_version"]
    except HTTPError as error:
        if error.code in (400, 404):  # no such model, or no such alias
            return
        raise Unavailable("registry-unavailable", f"registry: it answers {error.code}") from None
    yield str(found["version"])


def _login() -> dict[str, str]:
    """MLflow's own variables for a server that asks who one is."""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    user, password = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD"))
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password or ''}".encode()).decode()}


def _line_of(error: Exception) -> str:
    """One line, without the address, which may hold a password."""
    if isinstance(error, URLError):
        return str(error.reason)
    if isinstance(error, HTTPException):
        return type(error).__name__
    return (str(error).splitlines() or [type(error).__name__])[0]
