"""A bad model is taken back together with what it published; what it did not publish stays as it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.cases import each
from tests.direct import train_directly, without_prefect
from tests.faults.conftest import ALL
from tests.integration.test_scoring_flow import Installation, stand_in
from tierra.cli.commands import app
from tierra.errors import Broken, InvalidCall, TierraError
from tierra.journal import Warned, open_journal
from tierra.model.release import Version
from tierra.outcomes.rollback import Repointed
from tierra.steps import repair, repoint
from tierra.steps.champion import user_and_host
from tierra.store.predictions import publish, read_manifest
from tierra.workspace import open_workspace

GOOD_DAYS, REPAIRED, FRESH = ["2024-04-20", "2024-04-21"], ["2024-04-22", "2024-04-23"], "2024-04-24"
BAD_DAYS = [*REPAIRED, FRESH]
WHY = "probabilities too low since the new feed"


def score(day: str, rescore: bool = False) -> Any:
    with without_prefect("score") as body, open_journal():
        return body(open_workspace(), "rides", day, rescore)


def call(flow: str, *words: Any) -> Repointed:
    """The body of a flow."""
    with without_prefect(flow) as body, open_journal():
        ended = body(open_workspace(), "rides", *words)
    assert isinstance(ended, Repointed)
    return ended


def rollback(to: str = "", predictions: str = "repair", dry_run: bool = False, reason: str = WHY) -> Repointed:
    return call("rollback", reason, to, predictions, dry_run)


def command(*words: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(words))
    return ran.exit_code, ran.stdout + ran.stderr


class NoMlflow:
    """In the place of MLflow, which costs seconds: it counts versions and shows nothing."""

    versions = 0

    def register(self, *_: Any) -> Version:
        NoMlflow.versions += 1
        return Version(version=str(NoMlflow.versions))

    def show(self, *_: Any) -> None:
        """Nothing."""


def without_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tierra.workspace.Workspace.recorder", lambda _: NoMlflow())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 published four days, the bad version 2 two of them again and one for the first time."""
    folder = tmp_path_factory.mktemp("rollback") / "here"
    with pytest.MonkeyPatch.context() as monkeypatch:
        here = stand_in(folder, monkeypatch)
        without_mlflow(monkeypatch)
        NoMlflow.versions = 0
        for strength in (0.0001, 0.01):
            here.restate(candidates=[{"rule": "base_rate"}, {"model": "logistic", "params": {"C": strength}}])
            assert train_directly("rides")[0].name == "Promoted"
            if strength == 0.0001:
                assert {score(day).name for day in (*GOOD_DAYS, *REPAIRED)} == {"Published"}
        assert {score(day, rescore=True).name for day in BAD_DAYS} == {"Published"}
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    without_mlflow(monkeypatch)
    return stand_in(Path(shutil.copytree(made, tmp_path / "here")), monkeypatch)


def shown(here: Installation) -> dict[str, tuple[int, str]]:
    """Generation and version of every partition that readers see."""
    found = {day: read_manifest(here.sink, day) for day in here.published}
    return {day: (each.generation, each.model_version) for day, each in found.items() if each}


BEFORE = {**dict.fromkeys(GOOD_DAYS, (1, "1")), **dict.fromkeys(REPAIRED, (2, "2")), FRESH: (1, "2")}
AFTER = {**dict.fromkeys(GOOD_DAYS, (1, "1")), **dict.fromkeys(REPAIRED, (3, "1")), FRESH: (2, "1")}


def test_a_file_for_consumers_that_know_no_manifests_shows_what_was_repaired(here: Installation) -> None:
    latest = {"path": "latest.csv", "partitions": "all"}
    here.restate(score={"lookback": "1d", "watch": "10d", "ready": {"min_rows": 15}, "latest": latest})
    rollback()
    shown_there = pd.read_csv(here.folder / "var" / "latest.csv").groupby("partition")["generation"].unique()
    assert {day: (*numbers,) for day, numbers in shown_there.items()} == {day: (n,) for day, (n, _) in AFTER.items()}


def test_a_rollback_repairs_what_the_bad_version_published_and_touches_nothing_else(here: Installation) -> None:
    assert shown(here) == BEFORE
    others = {day: here.sink.objects.read(f"rides/manifests/{day}/000001.json") for day in GOOD_DAYS}
    ended = rollback()
    assert (ended.name, ended.version, ended.version_before, ended.number, ended.untouched) == (
        "RolledBack", "1", "2", 3, 2)  # fmt: skip
    assert {each.partition: each.outcome for each in ended.partitions} == {
        **dict.fromkeys(REPAIRED, "NamedAgain"), FRESH: "Rescored"}  # fmt: skip
    assert shown(here) == AFTER
    assert {day: here.sink.objects.read(f"rides/manifests/{day}/000001.json") for day in GOOD_DAYS} == others
    for day in REPAIRED:
        first, last = read_manifest(here.sink, day, 1), read_manifest(here.sink, day, 3)
        assert first
        assert last
        assert (last.parts, last.restores) == (first.parts, 1), "the very rows, by digest"
    assert open_workspace().champions.latest("rides").did == "rolled back"  # type: ignore[union-attr]
    assert score(REPAIRED[0]).name == "AlreadyPublished"
    assert (rollback().name, shown(here)) == ("AlreadyRolledBack", AFTER)


def test_kept_predictions_stay_and_a_dry_run_changes_nothing(here: Installation) -> None:
    before = here.digest("predictions", "store")
    ended = rollback(dry_run=True)
    assert (ended.name, {each.outcome for each in ended.partitions}) == ("DryRun", {"WouldNameAgain", "WouldRescore"})
    assert here.digest("predictions", "store") == before
    ended = rollback(predictions="keep")
    assert (ended.name, shown(here), {each.outcome for each in ended.partitions}) == ("RolledBack", BEFORE, {"Kept"})
    assert open_workspace().champions.latest("rides").version == "1"  # type: ignore[union-attr]
    assert (rollback().name, shown(here)) == ("RolledBack", AFTER), "what was kept can be repaired later"


def test_what_cannot_be_is_refused_in_one_line_and_changes_nothing(here: Installation) -> None:
    def remove_model() -> None:
        name = open_workspace().champions.history("rides")[0].model.name
        (here.folder / "var" / "store" / name).unlink()

    def correct_column() -> None:
        file = here.folder / "projects" / "rides" / "rides.csv"
        file.write_text(file.read_text().replace("kilometres", "km", 1))
        remove_model()

    def rename_column() -> None:
        file = here.folder / "projects" / "rides" / "rides.csv"
        file.write_text(file.read_text().replace("km", "kilometres", 1))

    def check(words: list[str], code: str, damage: Callable[[], None] | None) -> None:
        if damage:
            damage()
        before = here.digest("predictions", "store")
        exit_code, said = command(*words)
        assert f"[{code}]" in said
        assert exit_code == (1 if code == "artifact-missing" else 2)
        assert here.digest("predictions", "store") == before

    why = ["--reason", "a test"]
    each(
        [
            (["rollback", "rides"], "reason-needed", None),
            (["rollback", "rides", "--reason", "  "], "reason-needed", None),
            (["promote", "rides", "1"], "reason-needed", None),
            (["rollback", "rides", "--to", "9", *why], "version-unknown", None),
            (["promote", "rides", "9", *why], "version-unknown", None),
            (["rollback", "rides", "--to", "2", *why], "version-serves", None),
            (["promote", "rides", "2", *why], "version-serves", None),
            (["rollback", "rides", *why], "version-unreadable", rename_column),
            (["rollback", "rides", *why], "artifact-missing", correct_column),
        ],
        check,
    )


def test_a_version_that_was_taken_back_serves_again_when_it_is_promoted(here: Installation) -> None:
    rollback()
    with pytest.raises(InvalidCall, match=r"version 2 .* was taken back"):
        rollback(to="2")
    ended = call("promote", "2", "it was right after all")
    assert (ended.name, ended.version, ended.version_before, shown(here)) == ("Promoted", "2", "1", AFTER)
    assert score(REPAIRED[0], rescore=True).name == "Published", "it may publish again"
    assert [each.did for each in open_workspace().champions.history("rides")] == [
        "trained", "trained", "rolled back", "promoted"]  # fmt: skip
    assert (rollback().version, shown(here)[REPAIRED[0]]) == ("1", (5, "1"))


def test_the_same_training_does_not_bring_back_what_was_taken_back(here: Installation) -> None:
    rollback()
    ended, _ = train_directly("rides")
    assert (ended.name, ended.champion.version) == ("KeptChampion", "1")
    assert f"same inputs as version 2, which was taken back by {user_and_host()}: {WHY}" in ended.sentence


def test_of_two_rollbacks_at_once_one_moves_the_pointer(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    real = repoint.repoint

    def overtaken(*words: Any) -> Any:
        monkeypatch.setattr(repoint, "repoint", real)
        rollback(reason="the other one's")
        return real(*words)

    monkeypatch.setattr(repoint, "repoint", overtaken)
    with pytest.raises(InvalidCall, match=r"rolled back meanwhile by .*the other one's.*champion-moved"):
        rollback()
    assert ([each.number for each in open_workspace().champions.history("rides")], shown(here)) == ([1, 2, 3], AFTER)


def test_a_run_that_scored_with_the_bad_version_meanwhile_publishes_nothing(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tasks.scoring as tasks_of_scoring

    real = tasks_of_scoring.steps.publish.predict_partition

    def slow(*words: Any) -> Any:
        made = real(*words)
        monkeypatch.setattr(tasks_of_scoring.steps.publish, "predict_partition", real)
        rollback()
        return made

    monkeypatch.setattr(tasks_of_scoring.steps.publish, "predict_partition", slow)
    with pytest.raises(Broken, match="2024-04-25 was not published: version 2 was taken back by"):
        score("2024-04-25")
    assert shown(here) == AFTER


def test_what_is_published_between_repair_and_the_last_look_is_told_and_not_green(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = repair.find_damage

    def late(*words: Any) -> Any:
        monkeypatch.setattr(repair, "find_damage", last)
        return real(*words)

    def last(*words: Any) -> Any:
        bad = read_manifest(here.sink, REPAIRED[0], 2)
        assert bad
        part = here.sink.write_part(REPAIRED[0], 4, iter([here.sink.read_part(bad.parts[0])]))
        publish(here.sink, bad.model_copy(update={"parts": (part,), "writer": "late"}), 3)
        return real(*words)

    monkeypatch.setattr(repair, "find_damage", late)
    ended = rollback()
    assert ended.name == "RollbackIncomplete"
    assert ended.error
    assert "2024-04-22 (generation 4, version 2, " in ended.error.what
    assert "published meanwhile" in ended.error.what
    monkeypatch.setattr(repair, "find_damage", real)
    assert (rollback().name, shown(here)) == ("RolledBack", AFTER | {REPAIRED[0]: (5, "1")})


def test_a_day_that_was_corrected_at_the_source_meanwhile_is_scored_from_the_corrected_rows(here: Installation) -> None:
    here.change_where(lambda table: table["day"] == REPAIRED[0], rain=0.5)
    assert score(REPAIRED[0], rescore=True).name == "Published"
    bad = read_manifest(here.sink, REPAIRED[0])
    ended = rollback()
    now = read_manifest(here.sink, REPAIRED[0])
    assert bad
    assert now
    assert {each.partition: each.outcome for each in ended.partitions}[REPAIRED[0]] == "Rescored"
    assert (now.generation, now.model_version, now.inputs, now.restores) == (4, "1", bad.inputs, None)


def test_no_generation_of_the_bad_version_is_named_again(here: Installation) -> None:
    assert score(REPAIRED[1], rescore=True).name == "Published"
    rollback()
    now = read_manifest(here.sink, REPAIRED[1])
    assert now
    assert (now.generation, now.model_version, now.restores) == (4, "1", 1)


def test_a_former_generation_whose_rows_are_damaged_is_scored_again(here: Installation) -> None:
    first = read_manifest(here.sink, REPAIRED[0], 1)
    assert first
    Path(here.sink.objects.location(first.parts[0].name)).write_bytes(b"x")
    with without_prefect("rollback") as body, open_journal() as journal:
        ended = body(open_workspace(), "rides", WHY)
    assert {each.partition: each.outcome for each in ended.partitions}[REPAIRED[0]] == "Rescored"
    assert any("generation 1 cannot be named again" in each.text for each in journal.facts(Warned))
    again, before = read_manifest(here.sink, REPAIRED[0]), first
    assert again
    assert [part.sha256 for part in again.parts] == [part.sha256 for part in before.parts], "the same model, the same"


def test_the_receipt_tells_the_story_and_a_tampered_entry_is_found(here: Installation) -> None:
    exit_code, said = command("rollback", "rides", "--reason", WHY, "--json")
    ended = json.loads(said[said.index("{") : said.rindex("}") + 1])
    assert (exit_code, ended["outcome"]) == (0, "RolledBack")
    page = Path(ended["receipt"]).read_text()
    for word in ("RolledBack", WHY, "Version 1 serves in place of version 2", "named again: generation 1",
                 "scored again", "generation 2, version 2", "generation 3, version 1", *BAD_DAYS,
                 "2 partitions show what other versions published"):  # fmt: skip
        assert word in page, word
    exit_code, said = command("champions", "rides")
    assert exit_code == 0
    assert "rolled back" in said
    assert max(map(len, said.splitlines())) <= 120
    assert command("check", "rides", "--no-data")[0] == 0
    pointer = here.folder / "var" / "store" / "champions" / "rides" / "000002.json"
    text = pointer.read_text()
    pointer.write_text(text.replace('"who": "', '"who": "not '))
    for words in (("champions", "rides"), ("check", "rides", "--no-data")):
        exit_code, said = command(*words)
        assert exit_code == 1
        assert "entry 2 is not what was written" in said
        assert "[history-tampered]" in said


class Crash(BaseException):
    """The end of a process."""


def test_killed_between_any_two_writes_a_second_try_ends_right(
    here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every seventh change of the disk, or each with FAULTS=all; tests/faults kills a process that restores."""
    from tierra.store import disk

    untouched = Path(shutil.copytree(here.folder, tmp_path / "untouched"))
    points = count_writes(monkeypatch, disk, 0)
    assert points > 20
    for stop in range(1, points + 1, 1 if ALL else 7):
        shutil.rmtree(here.folder)
        shutil.copytree(untouched, here.folder)
        with pytest.raises(Crash):
            count_writes(monkeypatch, disk, stop)
        try:
            rollback()
        except TierraError as error:
            pytest.fail(f"killed at write {stop}: {error}")
        seen = {day: version for day, (_, version) in shown(here).items()}
        assert set(seen.values()) == {"1"}, f"killed at write {stop}"
        assert {shown(here)[day] for day in GOOD_DAYS} == {(1, "1")}, f"killed at write {stop}"
        assert {each.did for each in open_workspace().champions.history("rides")} == {"trained", "rolled back"}
        assert open_workspace().champions.latest("rides").number == 3  # type: ignore[union-attr]


def count_writes(monkeypatch: pytest.MonkeyPatch, disk: Any, stop: int) -> int:
    """Roll back, dying at one of the changes of the disk; how many there were."""
    passed = 0

    def wrap(real: Any) -> Any:
        def act(*words: Any, **options: Any) -> Any:
            nonlocal passed
            passed += 1
            if passed == stop:
                raise Crash
            return real(*words, **options)

        return act

    with monkeypatch.context() as patch:
        for name in ("create", "link", "rename", "remove"):
            patch.setattr(disk, name, wrap(getattr(disk, name)))
        rollback()
    return passed
