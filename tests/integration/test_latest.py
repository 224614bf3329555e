"""The fixed file or table of consumers that know no manifests: what it holds, when it is replaced, and whose it is."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from tests.builders import CLOCK, ride_spec, write_project
from tests.cases import each
from tests.direct import score_directly, train_directly, without_prefect
from tests.gcs_server import GcsServer
from tierra.data.completeness import Completeness
from tierra.errors import Broken, Misconfigured
from tierra.facts import LatestLagging
from tierra.journal import Warned, at_station, open_journal
from tierra.outcomes.scoring import summarise
from tierra.project.project import Project
from tierra.report.finished_run import FinishedRun
from tierra.report.index import read_runs
from tierra.report.page import write_receipt
from tierra.steps.latest import renew_latest
from tierra.steps.work import Found
from tierra.store import disk
from tierra.store.manifest import Manifest
from tierra.store.predictions import generations, publish
from tierra.store.sinks import Sink
from tierra.workspace import Workspace, open_workspace

DAYS = ["2024-04-27", "2024-04-28", "2024-04-29"]
FILE = {"path": "exports/latest.csv"}
SQL = {"kind": "sql", "connection": "warehouse", "table": "scores"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)


def stated(folder: Path, latest: dict[str, Any], sink: dict[str, Any] | None = None) -> tuple[Workspace, Project]:
    """A project with this fixed file or table."""
    score = {"lookback": "2d", "latest": latest, **({"sink": sink} if sink else {})}
    write_project(folder / "projects" / "rides", ride_spec(score=score))
    workspace = open_workspace()
    return workspace, workspace.project("rides")


def published(sink: Sink, day: str, *keys: str, probability: list[Any] | None = None) -> None:
    """One more generation of a day."""
    rows = pa.table({"ride_id": list(keys), "probability": probability or [0.5] * len(keys)})
    seen = generations(sink, [day]).get(day, 0)
    part = sink.write_part(day, seen + 1, iter([rows]))
    publish(sink, Manifest(dataset=sink.dataset, partition=day, inputs="i", model="m", scoring="s", model_version="1",
                           rows_in=part.rows, rows_scored=part.rows, rows_quarantined=0, parts=(part,)),
            seen)  # fmt: skip


def renewed(workspace: Workspace, project: Project) -> tuple[bool, list[str]]:
    """Whether it was behind, and what a person is warned of."""
    with open_journal() as journal, at_station("renew-latest"):
        was_behind = renew_latest(workspace, project)
    return was_behind, [fact.text for fact in journal.facts(Warned)]


def rows_of(file: Path) -> list[list[Any]]:
    return pd.read_csv(file)[["partition", "generation", "ride_id"]].to_numpy().tolist()


def test_the_file_holds_the_newest_day_and_is_left_alone_until_there_is_another(workspace: Path) -> None:
    here, project = stated(workspace, FILE)
    sink, file = here.sink(project), workspace / "var" / "exports" / "latest.csv"
    assert renewed(here, project) == (False, [])
    assert not file.parent.exists()
    published(sink, DAYS[1], "a", "=1+1")
    assert renewed(here, project) == (True, [])
    assert rows_of(file) == [[DAYS[1], 1, "a"], [DAYS[1], 1, "'=1+1"]]
    first = file.stat().st_ino
    assert renewed(here, project) == (False, [])
    assert file.stat().st_ino == first
    for day, generation in ((DAYS[0], None), (DAYS[1], 2), (DAYS[2], 1)):
        published(sink, day, "b")
        assert renewed(here, project) == (generation is not None, []), day
        assert generation is None or rows_of(file) == [[day, generation, "b"]]
    about = json.loads((file.parent / "latest.csv.about.json").read_text())
    assert (about["dataset"], about["partitions"], about["rows"]) == ("rides", {DAYS[2]: 1}, 1)


def test_a_file_that_is_gone_or_edited_is_written_again(workspace: Path) -> None:
    here, project = stated(workspace, FILE)
    file = workspace / "var" / "exports" / "latest.csv"
    published(here.sink(project), DAYS[1], "a")
    renewed(here, project)
    whole = file.read_bytes()
    for spoil in (file.unlink, lambda: file.write_text("edited")):
        spoil()
        assert renewed(here, project) == (True, [])
        assert file.read_bytes() == whole


def test_what_killed_writers_left_beside_it_is_removed_a_day_later(workspace: Path) -> None:
    here, project = stated(workspace, FILE)
    folder = workspace / "var" / "exports"
    folder.mkdir(parents=True)
    old, new, other = (folder / name for name in (f".{'a' * 32}.tmp", f".{'b' * 32}.tmp", ".notes.tmp"))
    for file in (old, new, other):
        file.touch()
    for file in (old, other):
        os.utime(file, (1, 1))
    published(here.sink(project), DAYS[1], "a")
    assert renewed(here, project) == (True, [])
    assert [file.exists() for file in (old, new, other)] == [False, True, True]


def test_who_is_killed_at_any_of_its_writes_leaves_it_to_the_next_run(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = disk.rename

    def check(written_before: bool, point: int, last: str) -> None:
        here, project = stated(workspace, {"path": f"{written_before}/{point}.csv"})
        file = workspace / "var" / f"{written_before}" / f"{point}.csv"
        assert not written_before or renewed(here, project) == (True, [])
        before = rows_of(file) if written_before else []
        published(here.sink(project), DAYS[2], f"{written_before} {point}")
        calls: list[str] = []

        def killed(old: Path, new: Path) -> None:
            calls.append(new.name)
            if len(calls) == point:
                raise KeyboardInterrupt
            real(old, new)

        with monkeypatch.context() as patch:
            patch.setattr(disk, "rename", killed)
            with pytest.raises(KeyboardInterrupt):
                renewed(here, project)
        assert calls[-1] == f"{point}.csv{last}"
        newest = [[DAYS[2], generations(here.sink(project))[DAYS[2]], f"{written_before} {point}"]]
        assert not file.exists() or rows_of(file) in (before, newest)
        assert renewed(here, project) == (True, [])
        assert rows_of(file) == newest
        assert renewed(here, project) == (False, [])

    each(
        [(False, 1, ".about.json"), (False, 2, ""), (False, 3, ".about.json"), (True, 1, ""), (True, 2, ".about.json")],
        check,
    )


def test_what_another_run_publishes_meanwhile_is_written_too(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, project = stated(workspace, FILE)
    published(here.sink(project), DAYS[1], "a")
    real = disk.rename

    def meanwhile(old: Path, new: Path) -> None:
        if new.name == "latest.csv" and DAYS[2] not in generations(here.sink(project)):
            published(here.sink(project), DAYS[2], "b")
        real(old, new)

    monkeypatch.setattr(disk, "rename", meanwhile)
    assert renewed(here, project) == (True, [])
    assert rows_of(workspace / "var" / "exports" / "latest.csv") == [[DAYS[2], 1, "b"]]


def test_several_days_or_all_are_in_one_file_the_newest_first(workspace: Path) -> None:
    for count, shown in ((2, DAYS[:0:-1]), ("all", DAYS[::-1])):
        here, project = stated(workspace, {"path": f"days{count}.parquet", "partitions": count})
        if count == 2:
            for day in DAYS:
                published(here.sink(project), day, day[-1])
        assert renewed(here, project) == (True, [])
        table = pq.read_table(workspace / "var" / f"days{count}.parquet")
        assert table.column_names == ["partition", "generation", "ride_id", "probability"]
        assert table["partition"].to_pylist() == shown


def test_days_of_names_and_days_of_numbers_are_not_put_in_one_file(workspace: Path) -> None:
    here, project = stated(workspace, {"path": "days.parquet", "partitions": 2})
    published(here.sink(project), DAYS[0], "0")
    published(here.sink(project), DAYS[1], "1", probability=["high"])
    renewed_, (line,) = renewed(here, project)
    assert not renewed_
    assert line.startswith(f"days.parquet is behind what is published: 'probability' is text on {DAYS[1]}, and not on")
    published(here.sink(project), DAYS[2], "2", probability=["low"])
    assert renewed(here, project) == (True, []), "once the older day has left"


def test_nobody_else_s_file_is_replaced(workspace: Path) -> None:
    here, project = stated(workspace, FILE)
    folder = workspace / "var" / "exports"
    folder.mkdir(parents=True)
    published(here.sink(project), DAYS[1], "a")
    (folder / "latest.csv").write_text("precious")
    was_behind, (warning,) = renewed(here, project)
    assert (was_behind, (folder / "latest.csv").read_text()) == (False, "precious")
    assert "was not written by Tierra. Remove it, or name another under `score.latest`" in warning
    (folder / "latest.csv.about.json").write_text('{"dataset": "others"}')
    assert "is of the data set others" in renewed(here, project)[1][0]
    assert (folder / "latest.csv").read_text() == "precious"


def test_a_failure_is_a_warning_and_makes_the_run_amber(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, project = stated(workspace, FILE)
    published(here.sink(project), DAYS[1], "a")
    for error, said in ((OSError(28, os.strerror(28)), "No space left on device"), (ValueError("x"), "ValueError: x")):

        def fail(*_: Any, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch, open_journal() as journal, at_station("renew-latest"):
            patch.setattr(disk, "create", fail)
            assert renew_latest(here, project) is False
        (fact,) = journal.facts(LatestLagging)
        assert fact.text.startswith("exports/latest.csv is behind what is published: ")
        assert said in fact.text
    write_receipt(here, FinishedRun("rides", "score", journal, summarise("rides", [])))
    assert [run.mood for run in read_runs(here.receipts("rides"))] == ["warned"]


def test_a_file_in_a_bucket_is_replaced_too(workspace: Path, gcs: GcsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = gcs.bucket()
    monkeypatch.setenv("TIERRA_GCS__ENDPOINT_URL", gcs.settings().endpoint_url or "")
    here, project = stated(workspace, {"path": f"gs://{bucket}/exports/latest.json"})
    from tierra.store.opening import open_remote

    for day in DAYS[1:]:
        published(here.sink(project), day, day[-1])
        assert renewed(here, project) == (True, [])
        assert renewed(here, project) == (False, [])
        with open_remote(f"gs://{bucket}/exports/latest.json", here.settings)() as file:
            assert [row["partition"] for row in json.load(io.BytesIO(file.read()))] == [day]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_table_is_replaced_in_one_transaction(
    request: pytest.FixtureRequest, workspace: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{workspace}/w.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", url)
    here, project = stated(workspace, {"table": "rides_latest", "partitions": 2}, SQL)
    sink = here.sink(project)
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool)

    query = sa.text("select partition, generation, ride_id, probability from rides_latest order by 1, 3")

    def held() -> list[tuple[Any, ...]]:
        with engine.begin() as session:
            return [tuple(row) for row in session.execute(query)]

    assert renewed(here, project) == (False, [])
    for day in DAYS:
        published(sink, day, day[-1], "x")
    assert renewed(here, project) == (True, [])
    assert held() == [(day, 1, key, 0.5) for day in DAYS[1:] for key in (day[-1], "x")]
    assert renewed(here, project) == (False, [])
    published(sink, DAYS[2], "y")
    before = held()
    with monkeypatch.context() as patch:

        def break_off(*_: Any) -> None:
            raise Broken("store-failed", "killed")

        patch.setattr("tierra.store.sql_latest._fill", break_off)
        was_behind, (warning,) = renewed(here, project)
        assert (was_behind, "killed" in warning, held()) == (False, True, before)
    assert renewed(here, project) == (True, [])
    assert held() == [*before[:2], (DAYS[2], 2, "y", 0.5)]
    with engine.begin() as session:
        session.execute(sa.text("drop table rides_latest"))
        session.execute(sa.text("create table rides_latest (precious text)"))
        session.execute(sa.text("insert into rides_latest values ('yes')"))
    assert "Remove it, or name another" in renewed(here, project)[1][0]
    with engine.begin() as session:
        assert session.scalar(sa.text("select precious from rides_latest")) == "yes"


def test_a_place_that_cannot_be_is_refused_in_the_project_file(workspace: Path) -> None:
    def check(latest: dict[str, Any], sink: dict[str, Any] | None, what: str) -> None:
        with pytest.raises(Misconfigured, match=what):
            stated(workspace, latest, sink)

    outside = [
        "../out.csv",
        "a/../../out.csv",
        "/etc/out.csv",
        "~/out.csv",
        "ftp://x/y.csv",
        ".hidden.csv",
        "file:x.csv",
    ]
    strange = ["out.exe", "out", "", "a\nb.csv", "s3://bucket.csv"]
    each(
        [
            *(({"path": path}, None, "score.latest") for path in (*outside, *strange)),
            ({"table": "x"}, None, "a table needs a sink of `kind: sql`"),
            ({"table": "scores_parts"}, SQL, "is a table of the sink's own"),
            ({"table": "Drop; table"}, SQL, "pattern"),
            ({}, None, "either `path` or `table`"),
            ({"path": "a.csv", "table": "b"}, SQL, "either `path` or `table`"),
            ({"path": "a.csv", "partitions": 0}, None, "greater than or equal to 1"),
        ],
        check,
    )


def test_a_run_with_nothing_to_do_mends_it_and_a_dry_one_does_not(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, project = stated(workspace, FILE)
    published(here.sink(project), DAYS[2], "a")
    found = Found(work=[], completeness=Completeness())
    for name, answer in (("find_work", found), ("find_champion", None), ("with_champion_recipe", project)):
        monkeypatch.setattr(f"flows.score.{name}", lambda *_, answer=answer: answer)
    file = workspace / "var" / "exports" / "latest.csv"
    with without_prefect("score") as body:
        for dry_run in (True, False):
            assert body(here, "rides", dry_run=dry_run).partitions == ()
            assert file.exists() is not dry_run


@pytest.mark.long
def test_a_night_writes_it_and_the_next_one_mends_it(workspace: Path) -> None:
    stated(workspace, FILE)
    train_directly("rides")
    first, journal = score_directly("rides")
    file = workspace / "var" / "exports" / "latest.csv"
    newest = max(each.partition for each in first.partitions)
    assert (first.outcome, journal.facts(Warned)) == ("Published", [])
    assert set(pd.read_csv(file)["partition"]) == {newest}
    file.unlink()
    again, _ = score_directly("rides")
    assert (again.outcome, set(pd.read_csv(file)["partition"])) == ("NothingDue", {newest})
