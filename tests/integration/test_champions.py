"""Who serves: pointers in the store. One wins, all are kept, nothing serves unchecked, and none of it needs MLflow."""

import json
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from tests.champions import LABELS, Fitted, a_release, an_appointment, fit_project, keep_champion, keep_model
from tests.s3_server import S3Server
from tierra.errors import Broken, Misconfigured, NoChampion, TierraError, Unavailable
from tierra.model import served_files as module
from tierra.model.artifact import check_agreement, predict
from tierra.model.champions import Champions
from tierra.project.project import Project
from tierra.settings import Settings
from tierra.steps.champion import champion_project, find_champion, open_scorer, user_and_host
from tierra.store.bucket_objects import BucketObjects
from tierra.store.local_objects import LocalObjects
from tierra.store.objects import MemoryObjects, Objects
from tierra.store.s3_bucket import open_bucket
from tierra.workspace import Workspace

WRITERS, ROUNDS = 8, 5


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fit_project(tmp_path_factory.mktemp("projects") / "rides")


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An installation in which MLflow cannot even be imported."""
    for name in ("tierra.model.tracking", "tierra.model.recorder", "mlflow"):
        monkeypatch.setitem(sys.modules, name, None)
    return Workspace(Settings(home=tmp_path / "var", run_registered_code=True))


def serve(installation: Workspace, project: Project) -> Any:
    """What a new process makes of the champion: it has no files of it yet."""
    module._files_of_process.cache_clear()
    installation = replace(installation)
    return open_scorer(installation, project, find_champion(installation, project))


# appointing


def test_of_many_appointed_at_once_exactly_one_serves(s3: S3Server, tmp_path: Path) -> None:
    bucket = open_bucket(s3.bucket(), s3.settings())
    stores: dict[str, Objects] = {"local": LocalObjects(tmp_path), "memory": MemoryObjects()}
    stores["s3"] = BucketObjects(bucket, f"lake/{token_hex(6)}")
    for name, objects in stores.items():
        for after in range(ROUNDS):
            start = Barrier(WRITERS)

            def race(writer: int, objects: Objects = objects, after: int = after, start: Barrier = start) -> Any:
                start.wait()
                return keep_champion(objects, after, inputs=f"{writer} after {after}", who=f"writer {writer}")

            with ThreadPoolExecutor(WRITERS) as pool:
                won = [each for each in pool.map(race, range(WRITERS)) if each]
            assert len(won) == 1, name
            assert Champions(objects).current("rides") == won[0], name
            assert won[0].number == after + 1, name
        assert [each.number for each in Champions(objects).history("rides")] == [1, 2, 3, 4, 5], name


def test_a_retry_gets_the_champion_it_made_and_another_gets_none() -> None:
    objects = MemoryObjects()
    first = keep_champion(objects, version="1", who="ops@one")
    assert keep_champion(objects, version="1", who="ops@two") == first
    assert keep_champion(objects, inputs="others") is None
    assert Champions(objects).current("rides") == first
    second = keep_champion(objects, 1, "others")
    assert second
    assert keep_champion(objects, version="1") == first, "late, and still the one that is asked for"
    assert Champions(objects).current("rides") == second


class LostReplies(MemoryObjects):
    """A store whose answers are lost, after it did what was asked, or before."""

    def __init__(self, kept: bool, error: TierraError | None = None) -> None:
        super().__init__()
        self.kept, self.error = kept, error or Unavailable("store-unavailable", "no answer")

    def put_if_absent(self, name: str, data: bytes) -> bool:
        if self.kept:
            super().put_if_absent(name, data)
        raise self.error


def test_after_a_lost_answer_the_pointer_is_read_back() -> None:
    made = keep_champion(LostReplies(kept=True))
    assert made
    assert made.number == 1
    with pytest.raises(Unavailable):
        keep_champion(LostReplies(kept=False))
    made = keep_champion(LostReplies(kept=True, error=Broken("store-failed", "the folder cannot be synced")))
    assert made, "an I/O error after the pointer's link"


def test_every_champion_is_kept_with_who_when_and_why() -> None:
    objects = MemoryObjects()
    for after in range(12):
        keep_champion(objects, after, f"inputs {after}", version=str(after), who=f"ops{after}", why=f"reason {after}")
    objects.put_if_absent("champions/rides/notes.txt", b"somebody's")
    objects.put_if_absent("champions/rides_two/000099.json", b"another project's")
    history = Champions(objects).history("rides")
    assert [(each.number, each.version) for each in history] == [(n + 1, str(n)) for n in range(12)]
    assert [(each.who, each.why) for each in history[-2:]] == [("ops10", "reason 10"), ("ops11", "reason 11")]
    assert history[0].when.utcoffset() == timedelta(0)
    assert history[0].verdict == a_release().verdict
    latest = Champions(objects).current("rides")
    assert latest
    assert (latest.number, latest.registered, latest.candidate) == (12, history[-1].when, "logistic")


def test_what_is_not_the_releases_own_is_not_appointed() -> None:
    objects, model = MemoryObjects(), keep_model(MemoryObjects(), b"a model")
    champions, release = Champions(objects), a_release(model_sha256=model.sha256, code={"features.py": "0" * 64})
    with pytest.raises(Broken, match=r"features\.py.*code-mismatch"):
        champions.appoint(release, model, {"features.py": b"edited meanwhile"}, an_appointment(), 0)
    with pytest.raises(Broken, match=r"features\.py.*code-mismatch"):
        champions.appoint(release, model, {}, an_appointment(), 0)
    with pytest.raises(Broken, match="artifact-tampered"):
        champions.appoint(a_release(), model, {}, an_appointment(), 0)
    assert champions.history("rides") == ()


# serving


def test_before_the_first_model_nothing_serves(installation: Workspace, fitted: Fitted) -> None:
    assert installation.champions.current("rides") is None
    with pytest.raises(NoChampion, match="no-champion"):
        find_champion(installation, fitted.project)
    assert not installation.settings.root.exists(), "looking makes nothing"


def test_a_champion_serves_without_mlflow_and_predicts_bit_equal(installation: Workspace, fitted: Fitted) -> None:
    made = fitted.appoint(installation.objects, version="7", run_id="r", experiment_id="1")
    assert made
    assert find_champion(installation, fitted.project) == made
    assert (made.version, made.run_id, made.experiment_id, made.candidate) == ("7", "r", "1", "logistic")
    loaded = installation.champions.load(made)
    served, judged = (predict(each, fitted.table, LABELS) for each in (loaded, fitted.model))
    assert np.array_equal(served.scores, judged.scores)
    assert np.array_equal(served.decision, judged.decision)
    check_agreement(loaded, fitted.table.head(100), LABELS)
    assert serve(installation, fitted.project).code.files == fitted.release.code
    assert champion_project(installation, made).recipe == fitted.project.recipe


def append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b" ")


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def rewrite(**changes: Any) -> Callable[[Path], None]:
    """Change a pointer as somebody with a text editor would."""

    def damage(file: Path) -> None:
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return damage


ADDED = {"name": "code/added.py", "sha256": "0" * 64}
DAMAGES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("models/*.skops", flip, "artifact-tampered"),
    ("models/*.skops", append, "artifact-tampered"),
    ("models/*.skops", Path.unlink, "artifact-missing"),
    ("releases/*.json", append, "artifact-tampered"),
    ("releases/*.json", lambda file: file.write_text("{}"), "artifact-tampered"),
    ("releases/*.json", Path.unlink, "artifact-missing"),
    ("code/*.py", append, "code-mismatch"),
    ("code/*.py", Path.unlink, "artifact-missing"),
    ("champions/rides/000001.json", lambda file: file.write_text("{}"), "artifact-tampered"),
    ("champions/rides/000001.json", lambda file: file.write_bytes(b"\xff"), "artifact-tampered"),
    ("champions/rides/000001.json", rewrite(project="others"), "artifact-tampered"),
    ("champions/rides/000001.json", rewrite(number=2), "artifact-tampered"),
    ("champions/rides/000001.json", rewrite(format=3), "artifact-tampered"),
    ("champions/rides/000001.json", rewrite(model=ADDED), "artifact-tampered"),
    ("champions/rides/000001.json", rewrite(code={}), "code-mismatch"),
    # a file that could be imported in place of a library
    ("champions/rides/000001.json", rewrite(code={"features.py": ADDED}), "code-mismatch"),
    ("champions/rides/000001.json", rewrite(code={"pandas.py": ADDED}), "code-mismatch"),
]


def test_what_was_changed_in_the_store_does_not_serve(installation: Workspace, fitted: Fitted) -> None:
    store = installation.settings.root / "store"
    for pattern, damage, code in DAMAGES:
        shutil.rmtree(store, ignore_errors=True)
        fitted.appoint(installation.objects)
        serve(installation, fitted.project)
        (file,) = store.glob(pattern)
        damage(file)
        with pytest.raises(TierraError) as caught:
            serve(installation, fitted.project)
        assert (caught.value.code, type(caught.value)) == (code, Broken), pattern
        assert file.name in str(caught.value) or "champion 1 of rides" in str(caught.value)


def test_no_file_of_a_champion_is_written_outside_its_folder(installation: Workspace, fitted: Fitted) -> None:
    data = fitted.code["features.py"]
    for name in ("../outside.py", "/tmp/outside.py", "a/../../outside.py"):
        release = fitted.release.model_copy(update={"code": {name: fitted.release.code["features.py"]}})
        model = keep_model(installation.objects, fitted.dumped)
        champions = installation.champions
        latest = champions.latest("rides")
        made = champions.appoint(release, model, {name: data}, an_appointment(), latest.number if latest else 0)
        assert made
        with pytest.raises(Broken, match="code-mismatch"):
            champions.folder(made)
        assert not list(Path(module._files_of_process()).rglob("outside.py"))


def test_the_files_of_a_champion_are_written_once_a_process_and_belong_to_it_alone(
    installation: Workspace, fitted: Fitted
) -> None:
    made = fitted.appoint(installation.objects)
    assert made
    folders = {installation.champions.folder(made) for _ in range(3)}
    with ThreadPoolExecutor(4) as pool:
        folders |= set(pool.map(lambda _: installation.champions.folder(made), range(8)))
    (folder,) = folders
    assert sorted(file.name for file in folder.iterdir()) == ["features.py", "project.yaml"]
    assert folder.parent.stat().st_mode & 0o077 == 0


def forbid_registered_code(installation: Workspace) -> Workspace:
    return Workspace(installation.settings.model_copy(update={"run_registered_code": False}))


def copied_project(fitted: Fitted, folder: Path) -> Project:
    folder.mkdir()
    for file in fitted.project.folder.iterdir():
        if file.suffix in {".py", ".yaml"}:
            (folder / file.name).write_bytes(file.read_bytes())
    return Workspace(Settings(projects=folder.parent)).project(folder.name)


def test_local_files_serve_when_they_equal_the_registered_ones_and_are_named_when_not(
    installation: Workspace, fitted: Fitted, tmp_path: Path
) -> None:
    fitted.appoint(installation.objects)
    for number, damage in enumerate((append, Path.unlink)):
        project = copied_project(fitted, tmp_path / f"local{number}")
        assert serve(forbid_registered_code(installation), project).code.folder == project.folder
        damage(project.folder / "features.py")
        with pytest.raises(Misconfigured, match="code-differs") as caught:
            serve(forbid_registered_code(installation), project)
        assert str(project.folder / "features.py") in str(caught.value)


def test_editing_the_local_file_changes_nothing_when_registered_code_runs(
    installation: Workspace, fitted: Fitted, tmp_path: Path
) -> None:
    fitted.appoint(installation.objects)
    project = copied_project(fitted, tmp_path / "local")
    (project.folder / "features.py").write_text("def build(rows):\n    raise RuntimeError('edited')\n")
    assert serve(installation, project).code.files == fitted.release.code


def test_a_champion_in_a_bucket_serves(s3: S3Server, fitted: Fitted) -> None:
    champions = Champions(objects := BucketObjects(open_bucket(s3.bucket(), s3.settings()), f"lake/{token_hex(6)}"))
    made = fitted.appoint(objects)
    assert made
    assert champions.current("rides") == made
    module._files_of_process.cache_clear()
    assert (champions.folder(made) / "features.py").read_bytes() == fitted.code["features.py"]
    assert champions.load(made).threshold == fitted.model.threshold


def test_who_runs_is_told_where_the_user_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_and_host().count("@") == 1

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert user_and_host().startswith("uid ")
