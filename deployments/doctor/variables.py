"""Variables as Prefect and Tierra read them: the environment first, then `.env`."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

from dotenv import dotenv_values

from tierra.settings import Settings

ENV_FILE = Path(".env")
SECRET = re.compile(r"AUTH_STRING|API_KEY|PASSWORD|SECRET|TOKEN|WEBHOOK|(_URL|_URI)$")
_DATABASES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")


def find_variable(*names: str) -> str:
    """The value of the first of these that is set; empty when none is."""
    variables = {**_read_env_file(), **os.environ}
    return next((variables[name] for name in names if variables.get(name)), "")


def find_database() -> str:
    """The address of the server's database, where this environment names it."""
    return find_variable(*_DATABASES)


def find_secrets(settings: Settings) -> list[str]:
    """What must not be printed: the secrets of Tierra's settings and of Prefect's variables, whole and in parts."""
    variables = {**_read_env_file(), **os.environ}
    set_here = {name: value for name, value in variables.items() if name.startswith(("PREFECT_", "TIERRA_"))}
    values = [value for name, value in set_here.items() if is_secret(name, value)]
    parts = [part for value in values for part in (_password(value), unquote(_password(value)))]
    return sorted({*settings.secrets(), *values, *parts} - {""}, key=len, reverse=True)


def is_secret(name: str, value: str) -> bool:
    """Whether a variable holds a secret; an address without a password does not."""
    if not SECRET.search(name):
        return False
    return bool(_password(value)) if name.endswith(("_URL", "_URI")) else bool(value)


def secrets_in_file() -> list[str]:
    """The names of the secrets in `.env`."""
    return [name for name, value in _read_env_file().items() if is_secret(name, value)]


def _password(value: str) -> str:
    """The password in an address or an auth string."""
    credentials = value.partition("://")[2].rpartition("@")[0] if "://" in value else value
    return credentials.partition(":")[2]


def _read_env_file() -> dict[str, str]:
    return {name: value for name, value in dotenv_values(ENV_FILE).items() if value} if ENV_FILE.is_file() else {}
