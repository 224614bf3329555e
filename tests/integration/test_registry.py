"""The registry on a real MLflow store: one version a set of inputs, the alias last, nothing served unchecked.

Each promise holds over the embedded store and over a server by its address.
"""

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.builders import ride_spec, rides, write_project
from tests.conftest import free_port
from tests.servers import run_mlflow
from tierra.data.code import load_code
from tierra.data.features import build_training_features
from tierra.data.labels import Labels
from tierra.data.target import make_target
from tierra.errors import Broken, Misconfigured, NoChampion, TierraError, Unavailable
from tierra.model.artifact import check_agreement, predict
from tierra.model.candidates import fit_candidate
from tierra.model.champions import ALIAS, read_champions
from tierra.model.examples import Examples
from tierra.model.gate import Verdict
from tierra.model.recorder import Recorder
from tierra.model.registry import Registry
from tierra.model.release import Champion, Release
from tierra.model.spec import Model
from tierra.model.training import tune_threshold
from tierra.project.project import Project
from tierra.settings import Settings
from tierra.steps.champion import find_champion, open_scorer
from tierra.store.memo import LIBRARIES
from tierra.workspace import Workspace

LABELS = Labels(classes=("no", "yes"))
FEATURES = "def build(rows):\n    return rows[['km', 'zone', 'rain']].assign(wet=rows['rain'] * rows['km'])\n"


@dataclass
class Fitted:
    """A fitted model and everything registering it needs."""

    project: Project
    model: Any
    table: pd.DataFrame
    code: dict[str, bytes]
    release: Release

    def register(self, registry: Recorder, inputs: str = "inputs 1") -> Champion:
        release = self.release.model_copy(update={"inputs": inputs})
        return registry.register(release, self.model, self.table, self.code)


def fit_project(folder: Path) -> Fitted:
    """A logistic model on a few hundred rides, fitted with the library's functions alone."""
    write_project(folder, ride_spec(features="features:build"), rides(600), features=FEATURES)
    project = Workspace(Settings(home=folder, projects=folder.parent)).project(folder.name)
    code, rows = load_code(folder, project.functions), rides(600)
    rows["day"] = pd.to_datetime(rows["day"])
    table, (target, labels) = build_training_features(project.recipe, code, rows), make_target(
        project.recipe, code, rows
    )
    examples = Examples(table, target.to_numpy(float), labels)
    model = tune_threshold(fit_candidate(Model(model="logistic"), examples, {}), examples, None)
    verdict = Verdict(passed=True, winner="logistic", promote=True, reasons=("because",))
    release = Release(
        project=project.name, candidate="logistic", inputs="inputs 1", model_sha256="", metrics={}, rule_metrics={},
        verdict=verdict, code=dict(code.files), project_file=project.file.read_text(), contract="c",
        datasets={"rides": "d"}, types={}, features=tuple(table.columns), rows={"test": len(table)}, labels=labels,
        libraries={name: version(name) for name in LIBRARIES},
    )  # fmt: skip
    return Fitted(project, model, table, {name: (folder / name).read_bytes() for name in code.files}, release)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fit_project(tmp_path_factory.mktemp("projects") / "rides")


@pytest.fixture(scope="module")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: its migrations take seconds, so they run once."""
    folder = tmp_path_factory.mktemp("empty")
    assert Recorder(folder).count_runs("others") == 0
    return folder / "mlflow.db"


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


@pytest.fixture(params=["embedded", "server"])
def installation(request: pytest.FixtureRequest, tmp_path: Path, mlflow_database: Path) -> Workspace:
    if request.param == "embedded":
        shutil.copy(mlflow_database, tmp_path / "mlflow.db")
        return Workspace(Settings(home=tmp_path, run_registered_code=True))
    server: Server = request.getfixturevalue("mlflow_server")
    server.forget()
    return Workspace(Settings(home=tmp_path, mlflow_uri=server.address, run_registered_code=True))


@pytest.fixture
def files(installation: Workspace, request: pytest.FixtureRequest) -> Path:
    """The folder that holds the files of registered models."""
    if installation.settings.mlflow_uri:
        return request.getfixturevalue("mlflow_server").folder / "artifacts"
    return installation.settings.root / "mlflow-artifacts"


@pytest.fixture
def registry(installation: Workspace) -> Recorder:
    return installation.recorder()


def told(champion: Champion | None) -> Champion | None:
    """The champion without the folder its files were fetched to, a new one each time."""
    return champion and champion.model_copy(update={"folder": ""})


def versions_of(registry: Recorder) -> list[str]:
    return [str(each.version) for each in registry._client.search_model_versions("name = 'rides'")]


def file_of(files: Path, name: str) -> Path:
    """The registered file of that name on the disk."""
    found = list(files.rglob(name))
    assert len(found) == 1
    return found[0]


def test_before_the_first_model_nothing_serves(installation: Workspace, fitted: Fitted) -> None:
    assert installation.registry().champion("rides") is None
    with pytest.raises(NoChampion, match="no-champion"):
        find_champion(installation, fitted.project)


def test_a_registered_model_is_the_champion_and_predicts_bit_equal(registry: Recorder, fitted: Fitted) -> None:
    made = fitted.register(registry)
    champion = registry.champion("rides")
    assert told(champion) == told(made)
    assert (champion.version, champion.candidate) == ("1", "logistic")
    served, judged = (predict(each, fitted.table, LABELS) for each in (registry.load(champion), fitted.model))
    assert np.array_equal(served.scores, judged.scores)
    assert np.array_equal(served.decision, judged.decision)
    check_agreement(registry.load(champion), fitted.table.head(100), LABELS)


def test_the_alias_and_the_tags_say_what_serves(registry: Recorder, fitted: Fitted) -> None:
    champion = fitted.register(registry)
    found = registry._client.get_model_version_by_alias("rides", ALIAS)
    assert str(found.version) == champion.version
    assert found.tags["model_sha256"] == champion.release.model_sha256
    assert found.tags["code.features.py"] == fitted.release.code["features.py"]
    assert found.tags["verdict.passed"] == "true"


def test_the_registered_signature_names_the_features(registry: Recorder, fitted: Fitted) -> None:
    import mlflow

    fitted.register(registry)
    signature = mlflow.models.get_model_info(f"models:/rides@{ALIAS}").signature
    assert signature.inputs.input_names() == list(fitted.table.columns)
    assert signature.outputs is not None


def test_who_only_looks_sees_the_same_champion_without_mlflow(
    installation: Workspace, registry: Recorder, fitted: Fitted
) -> None:
    address = installation.settings.registry_uri() or f"sqlite:///{installation.settings.root / 'mlflow.db'}"
    assert read_champions(address, ["rides", "others"]) == {}
    fitted.register(registry)
    fitted.register(registry, "inputs 2")
    made = registry._client.get_model_version("rides", "2").creation_timestamp
    assert read_champions(address, ["rides", "others"]) == {"rides": ("2", datetime.fromtimestamp(made / 1000, UTC))}


def test_a_registry_in_a_file_serves_without_mlflow(
    tmp_path: Path, mlflow_database: Path, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(mlflow_database, tmp_path / "mlflow.db")
    installation = Workspace(Settings(home=tmp_path))
    made = fitted.register(installation.recorder())
    monkeypatch.setitem(sys.modules, "tierra.model.tracking", None)  # importing it fails
    assert installation.registry().champion("rides") == made
    serve(installation, fitted.project)


def test_a_model_without_a_signature_is_not_registered(
    registry: Recorder, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    nameless = mlflow.models.infer_signature(fitted.table.to_numpy()[:2, :1].astype(float), fitted.table["km"][:2])
    monkeypatch.setattr(mlflow.models, "infer_signature", lambda *_: nameless)
    with pytest.raises(Broken, match="signature-missing"):
        fitted.register(registry)
    assert registry.champion("rides") is None
    assert versions_of(registry) == []


def test_the_same_inputs_are_one_version_and_one_run(registry: Recorder, fitted: Fitted) -> None:
    assert told(fitted.register(registry)) == told(fitted.register(registry))
    assert versions_of(registry) == ["1"]
    assert registry.count_runs("rides") == 1


def test_other_inputs_are_a_version_of_their_own_and_move_the_alias(registry: Recorder, fitted: Fitted) -> None:
    fitted.register(registry)
    assert fitted.register(registry, "inputs 2").version == "2"
    assert registry.champion("rides").version == "2"


def test_a_run_that_did_not_win_is_recorded_once_and_serves_nothing(registry: Recorder, fitted: Fitted) -> None:
    for _ in range(2):
        registry.record(fitted.release)
    assert registry.count_runs("rides") == 1
    assert registry.champion("rides") is None


class Killed(BaseException):
    """A crash between two calls."""


@pytest.mark.parametrize("call", ["set_registered_model_alias", "create_model_version", "create_registered_model"])
def test_a_crash_before_the_alias_serves_nothing_and_the_next_run_makes_one_version(
    registry: Recorder, fitted: Fitted, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(registry._client, call, killed)
        with pytest.raises(Killed):
            fitted.register(registry)
    assert registry.champion("rides") is None
    made_before = versions_of(registry)
    assert fitted.register(registry).version == "1"
    assert versions_of(registry) == ["1"]
    assert made_before in ([], ["1"])
    assert bool(made_before) == (call == "set_registered_model_alias")
    assert np.array_equal(
        predict(registry.load(registry.champion("rides")), fitted.table, LABELS).scores,
        predict(fitted.model, fitted.table, LABELS).scores,
    )


def test_a_crash_while_a_challenger_is_registered_leaves_the_champion(
    registry: Recorder, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = fitted.register(registry)
    with monkeypatch.context() as patched:
        patched.setattr(registry._client, "set_registered_model_alias", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            fitted.register(registry, "inputs 2")
    assert told(registry.champion("rides")) == told(champion)


def append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b" ")


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def serve(installation: Workspace, project: Project) -> Any:
    return open_scorer(installation, project, find_champion(installation, project))


@pytest.mark.parametrize(
    ("name", "damage", "code"),
    [
        ("model.skops", flip, "artifact-tampered"),
        ("model.skops", append, "artifact-tampered"),
        ("model.skops", Path.unlink, "artifact-missing"),
        ("release.json", append, "artifact-tampered"),
        ("release.json", lambda file: file.write_text("{}"), "artifact-tampered"),
        ("release.json", Path.unlink, "artifact-missing"),
        ("features.py", append, "code-mismatch"),
        ("features.py", Path.unlink, "artifact-missing"),
        ("project.yaml", append, "code-mismatch"),
        ("project.yaml", Path.unlink, "code-mismatch"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_what_was_changed_in_the_registry_does_not_serve(
    installation: Workspace, registry: Recorder, fitted: Fitted, files: Path, name: str, damage: Any, code: str
) -> None:
    fitted.register(registry)
    serve(installation, fitted.project)
    damage(file_of(files, name))
    with pytest.raises(TierraError) as caught:
        serve(installation, fitted.project)
    assert caught.value.code == code
    assert isinstance(caught.value, Broken)
    assert name in str(caught.value) or code == "artifact-missing"


@pytest.mark.parametrize("name", ["pandas.py", "numpy/__init__.py", "helper.py"])
def test_a_file_added_to_the_registered_code_does_not_run(
    installation: Workspace, registry: Recorder, fitted: Fitted, files: Path, name: str, tmp_path: Path
) -> None:
    fitted.register(registry)
    added = file_of(files, "features.py").parent / name
    added.parent.mkdir(exist_ok=True)
    added.write_text(f"open({str(tmp_path / 'canary')!r}, 'w')")
    with pytest.raises(Broken, match="code-mismatch"):
        serve(installation, fitted.project)
    assert not (tmp_path / "canary").exists()


def forbid_registered_code(installation: Workspace) -> Workspace:
    return Workspace(installation.settings.model_copy(update={"run_registered_code": False}))


def copied_project(fitted: Fitted, folder: Path) -> Project:
    folder.mkdir()
    for file in fitted.project.folder.iterdir():
        if file.suffix in {".py", ".yaml"}:
            (folder / file.name).write_bytes(file.read_bytes())
    return Workspace(Settings(projects=folder.parent)).project(folder.name)


def test_local_files_that_equal_the_registered_ones_serve(
    installation: Workspace, registry: Recorder, fitted: Fitted, tmp_path: Path
) -> None:
    fitted.register(registry)
    project = copied_project(fitted, tmp_path / "local")
    scorer = serve(forbid_registered_code(installation), project)
    assert scorer.code.folder == project.folder


@pytest.mark.parametrize("damage", [append, Path.unlink], ids=["edited", "removed"])
def test_a_local_file_that_differs_is_named_when_registered_code_may_not_run(
    installation: Workspace, registry: Recorder, fitted: Fitted, damage: Any, tmp_path: Path
) -> None:
    fitted.register(registry)
    project = copied_project(fitted, tmp_path / "local")
    damage(project.folder / "features.py")
    with pytest.raises(Misconfigured, match="code-differs") as caught:
        serve(forbid_registered_code(installation), project)
    assert str(project.folder / "features.py") in str(caught.value)


def test_editing_the_local_file_changes_nothing_when_registered_code_runs(
    installation: Workspace, registry: Recorder, fitted: Fitted, tmp_path: Path
) -> None:
    fitted.register(registry)
    project = copied_project(fitted, tmp_path / "local")
    (project.folder / "features.py").write_text("def build(rows):\n    raise RuntimeError('edited')\n")
    assert serve(installation, project).code.files == fitted.release.code


def test_a_server_that_is_away_is_unavailable_and_has_lost_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="registry-unavailable"):
        Registry(tmp_path, f"http://127.0.0.1:{free_port()}").champion("rides")


@pytest.mark.parametrize("address", ["postgresql://ops:hunter2@localhost/mlflow", "ftp://localhost", "mlflow"])
def test_an_address_that_cannot_be_a_registry_is_refused_without_its_password(tmp_path: Path, address: str) -> None:
    with pytest.raises(Misconfigured, match=r"TIERRA_MLFLOW_URI.*registry-address") as caught:
        Registry(tmp_path, address).champion("rides")
    assert "hunter2" not in str(caught.value)


def test_a_registry_on_postgresql_serves_what_was_registered(postgres_url: str, fitted: Fitted, tmp_path: Path) -> None:
    uri = postgres_url.replace("postgresql:", "postgresql+psycopg:")
    installation = Workspace(Settings(home=tmp_path, mlflow_uri=uri))
    made = fitted.register(installation.recorder())
    assert told(installation.registry().champion("rides")) == told(made)
    serve(installation, fitted.project)
