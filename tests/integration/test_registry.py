"""What MLflow shows, on a real MLflow: one version a release, an alias that follows the champion, and no say in it.

Each promise holds over the embedded store and over a server by its address.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, insert, text

from tests.champions import Fitted, fit_project
from tests.conftest import free_port
from tests.servers import run_mlflow
from tierra.errors import Broken, Misconfigured, Unavailable
from tierra.model.artifact import predict
from tierra.model.champions import MODEL_FILE
from tierra.model.recorder import Recorder, _log_release
from tierra.model.release import Release, Version
from tierra.model.takeover import take_over
from tierra.model.view import ALIAS, alias_of, describe_move
from tierra.settings import Settings
from tierra.store.objects import MemoryObjects
from tierra.workspace import Workspace


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fit_project(tmp_path_factory.mktemp("projects") / "rides")


@pytest.fixture(scope="module")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: its migrations take seconds, so they run once."""
    file = tmp_path_factory.mktemp("empty") / "mlflow.db"
    assert Recorder(f"sqlite:///{file}", file.parent).count_runs("others") == 0
    return file


@dataclass(frozen=True)
class Server:
    """A real MLflow server, which can forget everything between two tests."""

    folder: Path
    address: str
    empty: Path

    def forget(self) -> None:
        with closing(sqlite3.connect(self.empty)) as empty, closing(sqlite3.connect(self.folder / "mlflow.db")) as ours:
            empty.backup(ours)
        shutil.rmtree(self.folder / "artifacts", ignore_errors=True)


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(mlflow_database, folder / "mlflow.db")
    with run_mlflow(folder, f"sqlite:///{folder / 'mlflow.db'}") as address:
        yield Server(folder, address, mlflow_database)


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.long)])
def installation(request: pytest.FixtureRequest, tmp_path: Path, mlflow_database: Path) -> Workspace:
    if request.param == "embedded":
        shutil.copy(mlflow_database, tmp_path / "mlflow.db")
        return Workspace(Settings(home=tmp_path))
    server: Server = request.getfixturevalue("mlflow_server")
    server.forget()
    return Workspace(Settings(home=tmp_path, mlflow_uri=server.address))


@pytest.fixture
def recorder(installation: Workspace) -> Recorder:
    return installation.recorder()


def register(recorder: Recorder, fitted: Fitted, inputs: str = "inputs 1") -> Version:
    return recorder.register(fitted.of(inputs), fitted.model, fitted.table, fitted.files)


def versions_of(recorder: Recorder) -> list[str]:
    return [str(each.version) for each in recorder._client.search_model_versions("name = 'rides'")]


def test_a_version_says_what_it_is_and_the_alias_follows_what_it_is_told(
    installation: Workspace, recorder: Recorder, fitted: Fitted
) -> None:
    import mlflow

    address = installation.mlflow_address
    assert alias_of(address, ["rides", "others"]) == {}
    version = register(recorder, fitted)
    assert alias_of(address, ["rides", "others"]) == {}, "to register is not to serve"
    recorder.show("rides", version.version)
    assert alias_of(address, ["rides", "others"]) == {"rides": "1"}
    assert alias_of(address, ["others"]) == {}
    found = recorder._client.get_model_version_by_alias("rides", ALIAS)
    assert (version.version, version.run_id) == (str(found.version), found.run_id)
    assert version.experiment_id == recorder._client.get_experiment_by_name("rides").experiment_id
    assert found.tags["model_sha256"] == fitted.release.model_sha256
    assert found.tags["release_sha256"] == hashlib.sha256(fitted.release.text).hexdigest()
    assert found.tags["code.features.py"] == fitted.release.code["features.py"]
    assert found.tags["verdict.passed"] == "true"
    signature = mlflow.models.get_model_info(f"models:/rides@{ALIAS}").signature
    assert signature.inputs.input_names() == list(fitted.table.columns)
    assert signature.outputs is not None
    recorder.show("rides", register(recorder, fitted, "inputs 2").version)
    assert alias_of(address, ["rides"]) == {"rides": "2"}


def test_a_model_without_a_signature_is_not_registered(
    recorder: Recorder, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    nameless = mlflow.models.infer_signature(fitted.table.to_numpy()[:2, :1].astype(float), fitted.table["km"][:2])
    monkeypatch.setattr(mlflow.models, "infer_signature", lambda *_: nameless)
    with pytest.raises(Broken, match="signature-missing"):
        register(recorder, fitted)
    assert versions_of(recorder) == []


def test_the_same_release_is_one_version_and_one_run_and_another_one_its_own(
    recorder: Recorder, fitted: Fitted
) -> None:
    assert register(recorder, fitted) == register(recorder, fitted)
    assert (versions_of(recorder), recorder.count_runs("rides")) == (["1"], 1)
    again = fitted.release.model_copy(update={"reason": "the same inputs, judged anew"})
    assert recorder.register(again, fitted.model, fitted.table, fitted.files).version == "2"
    assert register(recorder, fitted).version == "1"


def test_a_run_that_did_not_win_is_recorded_once_and_shows_nothing(
    installation: Workspace, recorder: Recorder, fitted: Fitted
) -> None:
    assert len({recorder.record(fitted.release) for _ in range(2)}) == 1
    assert recorder.count_runs("rides") == 1
    assert (versions_of(recorder), alias_of(installation.mlflow_address, ["rides"])) == ([], {})


class Killed(BaseException):
    """A crash between two calls."""


def killed(*_: Any, **__: Any) -> None:
    raise Killed


def test_a_crash_on_the_way_leaves_what_serves_and_the_next_run_makes_one_version(
    installation: Workspace, recorder: Recorder, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = ["create_registered_model", "create_model_version", "get_run"]
    for number, call in enumerate(calls, 1):
        with monkeypatch.context() as patched:
            # The last one after the version is made.
            patched.setattr(recorder._client, call, killed)
            with pytest.raises(Killed):
                register(recorder, fitted, f"inputs {number}")
        made = len(versions_of(recorder))
        assert made == number - (call != "get_run")
        assert register(recorder, fitted, f"inputs {number}").version == str(number)
        assert len(versions_of(recorder)) == number
    assert installation.champions.current("rides") is None


def test_an_alias_on_a_version_that_mlflow_does_not_know_is_an_error_of_ours(
    recorder: Recorder, fitted: Fitted
) -> None:
    with pytest.raises(Unavailable, match="registry-unavailable"):
        recorder.show("rides", "1")
    register(recorder, fitted)
    with pytest.raises(Unavailable, match="registry-unavailable"):
        recorder.show("rides", "9")


def test_mlflow_itself_reads_and_serves_the_bytes_that_serve(recorder: Recorder, fitted: Fitted) -> None:
    import mlflow

    recorder.show("rides", register(recorder, fitted).version)
    address = f"models:/rides@{ALIAS}"
    served = predict(fitted.model, fitted.table, fitted.release.labels)
    again = predict(mlflow.sklearn.load_model(address), fitted.table, fitted.release.labels)
    assert np.array_equal(again.scores, served.scores)
    assert np.array_equal(mlflow.pyfunc.load_model(address).predict(fitted.table), fitted.model.predict(fitted.table))
    needed = Path(mlflow.pyfunc.get_model_dependencies(address)).read_text().split()
    assert {f"{name}=={version}" for name, version in fitted.release.libraries.items()} < set(needed)


def test_what_mlflow_shows_can_be_taken_over_whole(installation: Workspace, recorder: Recorder, fitted: Fitted) -> None:
    """From a server too."""
    objects = MemoryObjects()
    assert take_over(installation.mlflow_address, objects, "rides") is None
    version = register(recorder, fitted)
    recorder.show("rides", version.version)
    champion = take_over(installation.mlflow_address, objects, "rides")
    assert champion
    assert (champion.release, champion.number, champion.who) == (fitted.release, 1, "MLflow")
    assert (champion.version, champion.run_id, champion.experiment_id) == tuple(version.model_dump().values())
    assert objects.read(champion.model.name) == fitted.dumped
    assert objects.read(champion.code["features.py"].name) == fitted.code["features.py"]
    assert fitted.appoint(objects, "inputs 2", after=1)
    current = take_over(installation.mlflow_address, objects, "rides")
    assert current
    assert current.number == 1, "the same release stands there"
    objects = MemoryObjects()
    first = fitted.appoint(objects, "inputs 2")
    assert take_over(installation.mlflow_address, objects, "rides") == first, "whoever was appointed meanwhile stays"


def test_a_version_whose_model_lies_beside_its_release_can_be_taken_over(
    installation: Workspace, recorder: Recorder, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was for a while: what MLflow shows as the model was a dump of its own, of other bytes."""

    def log_release(release: Release, files: Mapping[str, bytes]) -> None:
        _log_release(release, {**files, MODEL_FILE: fitted.dumped})

    monkeypatch.setattr("tierra.model.recorder._log_release", log_release)
    version = recorder.register(
        fitted.of("inputs 1"), fitted.model, fitted.table, {**fitted.files, MODEL_FILE: b"other"}
    )
    recorder.show("rides", version.version)
    objects = MemoryObjects()
    champion = take_over(installation.mlflow_address, objects, "rides")
    assert champion
    assert objects.read(champion.model.name) == fitted.dumped


# looking at the alias


def as_sqlalchemy(url: str) -> str:
    return url.replace("postgresql:", "postgresql+psycopg:")


def test_an_alias_in_postgresql_is_read_beside_mlflows_own_tables(postgres_url: str) -> None:
    from mlflow.store.model_registry.dbmodels.models import Base, SqlRegisteredModel, SqlRegisteredModelAlias

    address = as_sqlalchemy(postgres_url)
    assert alias_of(address, ["rides"]) == {}, "before the first training there are no tables"
    engine = create_engine(address)
    # Only these: MLflow's metadata grows duplicate constraints in a process that opened registries before.
    Base.metadata.create_all(engine, tables=[each.__table__ for each in (SqlRegisteredModel, SqlRegisteredModelAlias)])
    with engine.begin() as connection:
        connection.execute(insert(SqlRegisteredModel).values(name="rides"))
        connection.execute(insert(SqlRegisteredModelAlias).values(name="rides", alias="champion", version=3))
        connection.execute(insert(SqlRegisteredModelAlias).values(name="rides", alias="other", version=4))
    assert alias_of(address, ["rides", "others"]) == {"rides": "3"}
    with engine.begin() as connection:
        connection.execute(text("alter table registered_model_aliases rename column version to number"))
    engine.dispose()
    with pytest.raises(Unavailable, match="registry-unavailable"):
        alias_of(address, ["rides"])


def test_whatever_is_wrong_with_the_view_is_one_line_and_tells_no_password(tmp_path: Path) -> None:
    port, no_database, other_table = free_port(), tmp_path / "text.db", tmp_path / "other.db"
    no_database.write_text("this is no database")
    with closing(sqlite3.connect(other_table)) as file, file:
        file.execute("create table registered_model_aliases (model, named, number)")
    places = {
        f"postgresql+psycopg://me:canary@127.0.0.1:{port}/models": "registry-unavailable",
        f"http://me:canary@127.0.0.1:{port}": "registry-unavailable",
        f"http://127.0.0.1:{port}": "registry-unavailable",
        "http://me:can/ary@127.0.0.1": "registry-unavailable",
        "postgresql://me:canary@127.0.0.1/models": "registry-address",
        "nothing://me:canary@127.0.0.1/m": "registry-address",
        "mlflow": "registry-address",
        f"sqlite:///{no_database}": "registry-unavailable",
        f"sqlite:///{other_table}": "registry-unavailable",
    }
    for address, code in places.items():
        kind = Misconfigured if code == "registry-address" else Unavailable
        with pytest.raises(kind, match=code) as raised:
            alias_of(address, ["rides"])
        assert "canary" not in str(raised.value)
    assert alias_of(f"sqlite:///{tmp_path / 'absent.db'}", ["rides"]) == {}
    assert not (tmp_path / "absent.db").exists()


def test_an_alias_that_was_moved_is_told_in_one_sentence() -> None:
    assert describe_move("rides", "3", {"rides": "3"}) == ""
    assert describe_move("rides", "", {}) == ""
    assert describe_move("rides", "3", {"rides": "2"}).endswith("of rides names version 2, and version 3 serves")
    assert describe_move("rides", "3", {"others": "3"}).endswith("of rides names none, and version 3 serves")


def test_an_address_that_cannot_be_a_registry_is_refused_without_its_password(tmp_path: Path) -> None:
    for address in ("postgresql://ops:hunter2@localhost/mlflow", "ftp://localhost", "mlflow"):
        with pytest.raises(Misconfigured, match=r"TIERRA_MLFLOW_URI.*registry-address") as caught:
            Workspace(Settings(home=tmp_path, mlflow_uri=address)).recorder().count_runs("rides")
        assert "hunter2" not in str(caught.value)


def test_a_registry_on_postgresql_shows_what_was_registered(postgres_url: str, fitted: Fitted, tmp_path: Path) -> None:
    installation = Workspace(Settings(home=tmp_path, mlflow_uri=as_sqlalchemy(postgres_url)))
    recorder = installation.recorder()
    recorder.show("rides", register(recorder, fitted).version)
    assert alias_of(installation.mlflow_address, ["rides"]) == {"rides": "1"}
