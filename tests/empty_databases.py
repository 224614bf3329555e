"""Empty databases of Prefect and MLflow, made once and copied: to make them costs more than most tests."""

import shutil
import sqlite3
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex

from tests.conftest import ROOT


def template(package: str) -> Path:
    """Where the empty database of a package is kept, for this and later runs of the tests."""
    return ROOT / ".pytest_cache" / f"{package}-{version(package)}.db"


def keep_database(file: Path, kept: Path) -> None:
    """Keep a copy of a SQLite database; whole or not at all, as many tests may do so at once."""
    kept.parent.mkdir(exist_ok=True)
    partial = kept.with_suffix(f".{token_hex(4)}")
    with closing(sqlite3.connect(file)) as database:
        partial.write_bytes(database.serialize())
    partial.rename(kept)


def put_prefect_database(home: Path) -> None:
    """Begin with a copy of an empty database: to make one takes more time than all else of a server's start."""
    home.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        shutil.copyfile(template("prefect"), home / "prefect.db")


def keep_prefect_database(home: Path) -> None:
    """Keep the first one, if it is on SQLite."""
    if (home / "prefect.db").is_file() and not template("prefect").exists():
        keep_database(home / "prefect.db", template("prefect"))


def put_registry(home: Path) -> None:
    """Begin with a copy of an empty MLflow database: to make one takes MLflow a second of a core."""
    home.mkdir(parents=True, exist_ok=True)
    if not template("mlflow").exists():
        from tierra.model.tracking import open_client

        open_client(f"sqlite:///{home / 'mlflow.db'}")
        keep_database(home / "mlflow.db", template("mlflow"))
    shutil.copyfile(template("mlflow"), home / "mlflow.db")
