"""Which version serves each project, read from the registry without MLflow: loading it costs seconds.

Only for looking. What is loaded and served is read and verified by the registry.
"""

import base64
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tierra.errors import Unavailable

ALIAS = "champion"
SECONDS = 5
QUERY = """
select v.name, v.version, v.creation_time from registered_model_aliases a
join model_versions v on v.name = a.name and v.version = a.version where a.alias = 'champion'
"""
Champions = dict[str, tuple[str, datetime]]


def read_champions(uri: str, projects: Iterable[str]) -> Champions:
    """The champion's version and the moment it was registered, by project. Raises Unavailable."""
    try:
        if uri.startswith(("http://", "https://")):
            rows = [row for project in projects for row in _ask(uri, project)]
        else:
            rows = _from_file(Path(uri.removeprefix("sqlite:///"))) if uri.startswith("sqlite") else _from_sql(uri)
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        raise Unavailable("registry-unavailable", f"registry: {str(error).splitlines()[0]}") from None
    return {name: (str(version), datetime.fromtimestamp(made / 1000, UTC)) for name, version, made in rows}


def _from_file(file: Path) -> list[Any]:
    """Nothing when there is no file: a registry is made by the first training."""
    if not file.is_file():
        return []
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=SECONDS)) as database:
        return database.execute(QUERY).fetchall()


def _from_sql(uri: str) -> list[Any]:
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        engine = create_engine(uri, connect_args={"connect_timeout": SECONDS}, poolclass=NullPool)
        with engine.connect() as connection:
            return list(connection.execute(text(QUERY)).tuples())
    except SQLAlchemyError as error:  # its text may hold the password
        raise ValueError(f"{type(error).__name__} at {uri.rpartition('@')[2]}") from None


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
