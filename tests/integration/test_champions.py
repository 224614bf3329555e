"""Looking at the champions of a registry that others keep, or that does not answer."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert

from tests.conftest import free_port
from tierra.errors import Misconfigured, Unavailable
from tierra.model.champions import find_pointer, read_champions

MADE = 1_764_000_000_000


def test_in_postgresql_they_are_read_with_mlflows_own_tables(postgres_url: str) -> None:
    from mlflow.store.model_registry.dbmodels.models import (
        Base,
        SqlModelVersion,
        SqlRegisteredModel,
        SqlRegisteredModelAlias,
    )

    address = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(address)
    # Only these: MLflow's metadata grows duplicate constraints in a process that opened registries before.
    used = [each.__table__ for each in (SqlRegisteredModel, SqlModelVersion, SqlRegisteredModelAlias)]
    Base.metadata.create_all(engine, tables=used)
    with engine.begin() as connection:
        connection.execute(insert(SqlRegisteredModel).values(name="rides"))
        connection.execute(insert(SqlModelVersion).values(name="rides", version=3, creation_time=MADE))
        connection.execute(insert(SqlRegisteredModelAlias).values(name="rides", alias="champion", version=3))
    engine.dispose()
    assert read_champions(address, ["rides"]) == {"rides": ("3", datetime.fromtimestamp(MADE / 1000, UTC))}


def test_before_the_first_training_a_database_names_no_champion(postgres_url: str) -> None:
    address = postgres_url.replace("postgresql://", "postgresql+psycopg://")
    assert read_champions(address, ["rides"]) == {}
    assert find_pointer(address, "rides") is None


@pytest.mark.parametrize("address", ["postgresql://me:canary@127.0.0.1/models", "nothing://me:canary@127.0.0.1/m"])
def test_an_address_that_no_driver_serves_is_told_without_its_password(address: str) -> None:
    with pytest.raises(Misconfigured, match="registry-address") as raised:
        read_champions(address, ["rides"])
    assert "canary" not in str(raised.value)


def test_a_registry_that_does_not_answer_is_told_without_its_password() -> None:
    port = free_port()
    for address in (f"postgresql+psycopg://me:canary@127.0.0.1:{port}/models", f"http://me:canary@127.0.0.1:{port}"):
        with pytest.raises(Unavailable, match="registry-unavailable") as raised:
            read_champions(address, ["rides"])
        assert "canary" not in str(raised.value)


def test_a_file_that_is_no_registry_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    assert read_champions(f"sqlite:///{file}", ["rides"]) == {}
    file.write_text("this is no database, it is a text that somebody left here")
    with pytest.raises(Unavailable, match="not a database"):
        read_champions(f"sqlite:///{file}", ["rides"])
