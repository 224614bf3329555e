"""What a database refuses, and that no password is ever shown."""

import logging
import traceback
from collections.abc import Callable

import pyarrow as pa
import pytest

from tests.conftest import free_port
from tests.databases import Database
from tierra.errors import Misconfigured, TierraError, Unavailable
from tierra.redaction import REDACTED, clean, protect

CANARY = "hunter2-canary"


def wrong_password(db: Database) -> str:
    return as_user(db, "postgres", CANARY)


def as_user(db: Database, user: str, password: str) -> str:
    return f"postgresql://{user}:{password}@{db.url.rpartition('@')[2]}"


def weak_user(db: Database) -> str:
    db.run("drop role if exists weak", f"create role weak login password '{CANARY}'")
    return as_user(db, "weak", CANARY)


def crowded_user(db: Database) -> str:
    db.run("drop role if exists crowd", f"create role crowd login connection limit 0 password '{CANARY}'")
    return as_user(db, "crowd", CANARY)


def absent_database(db: Database) -> str:
    return db.url.rpartition("/")[0] + "/nowhere"


def nobody_there(_: Database) -> str:
    return f"postgresql://me:{CANARY}@127.0.0.1:{free_port()}/warehouse"


def no_such_host(_: Database) -> str:
    return f"postgresql://me:{CANARY}@no-such-host.invalid/warehouse"


REFUSALS: list[tuple[Callable[[Database], str], type[TierraError], str]] = [
    (wrong_password, Misconfigured, "login-refused"),
    (lambda db: as_user(db, "stranger", CANARY), Misconfigured, "login-refused"),
    (lambda db: f"postgresql://postgres@{db.url.rpartition('@')[2]}", Misconfigured, "login-refused"),
    (absent_database, Misconfigured, "database-missing"),
    (weak_user, Misconfigured, "permission-denied"),
    (crowded_user, Unavailable, "database-unavailable"),
    (nobody_there, Unavailable, "database-unavailable"),
    (no_such_host, Unavailable, "database-unavailable"),
]
UNREADABLE = [
    "postgresql://me:{}@x@host/db",
    "postgresql://me:a/{}@host/db",
    "postgresql://me:a#{}@host/db",
    "postgresql://me:a?{}@host/db",
    "postgresql://me:12/{}@host/db",
    "postgresql://me:{}@host:port/db",
    "postgresql://me:{}@host/db?nonsense=1",
    "postgresql://me:{}%zz@host/db",
    "postgresql://me:{}@[::1/db",
    "postgresql://host:{}/db",
]


@pytest.mark.parametrize(
    ("address", "kind", "code"), REFUSALS, ids=[f"{n}-{each[2]}" for n, each in enumerate(REFUSALS)]
)
def test_a_refusal_is_one_line_without_the_password(
    db: Database,
    address: Callable[[Database], str],
    kind: type[TierraError],
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    db.write("rides", pa.table({"id": [1]}))
    with caplog.at_level(logging.DEBUG), pytest.raises(kind, match=rf"\[{code}\]") as refused:
        db.at(address(db)).read(table="rides")
    assert_silent(refused.value, caplog.text)


@pytest.mark.parametrize("address", UNREADABLE)
def test_an_address_that_cannot_be_read_is_not_repeated(db: Database, address: str) -> None:
    with pytest.raises(Misconfigured, match=r"URL cannot be read.*address-invalid") as refused:
        db.at(address.format(CANARY)).read(table="rides")
    assert_silent(refused.value, "")


def assert_silent(error: TierraError, log: str) -> None:
    said = [str(error), repr(error), "".join(traceback.format_exception(error)), log]
    assert len(str(error).splitlines()) == 1
    assert [text for text in said if CANARY in text] == []


def test_a_reader_shows_no_password(db: Database) -> None:
    reader = db.at(f"postgresql://me:{CANARY}@127.0.0.1/db").open(table="rides")
    assert CANARY not in repr(reader) + repr(vars(reader)) + str(vars(reader))


def test_a_password_of_any_letters_is_told_to_the_server(db: Database) -> None:
    password, written = "p@ss/w:rd?#% '\"\\ñ", "p%40ss%2Fw%3Ard%3F%23%25%20%27%22%5C%C3%B1"
    doubled = password.replace("'", "''")
    db.run("drop role if exists odd", f"create role odd login password '{doubled}'")
    assert db.at(as_user(db, "odd", written)).read(query="select 1 as one").num_rows == 1
    settings = db.at(as_user(db, "odd", written)).settings
    protect(settings.secrets())
    assert clean(f"said {password}, {written}") == f"said {REDACTED}, {REDACTED}"
