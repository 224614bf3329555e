"""What is known of partitions is read from manifests and records, whatever those hold."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.builders import ride_spec, write_project
from tests.cases import each
from tierra.data.completeness import Finding
from tierra.data.window import Window
from tierra.project.project import Project, load_project
from tierra.report.index import Run, add_run, read_runs
from tierra.report.partitions import read_partitions, read_published_days
from tierra.settings import Settings
from tierra.store.local_objects import LocalObjects
from tierra.store.manifest import Manifest
from tierra.store.part_names import manifest_name
from tierra.store.predictions import publish
from tierra.store.sinks import ObjectSink
from tierra.workspace import Workspace

NIGHT = datetime(2024, 4, 29, 3, tzinfo=UTC)
TODAY = NIGHT.date()


def day(back: int) -> str:
    return (TODAY - timedelta(back)).isoformat()


def publish_day(folder: Path, partition: str, after: int = 0) -> None:
    sink = ObjectSink(LocalObjects(folder / "predictions"), "rides")
    part = sink.write_part(partition, after + 1, iter([pa.table({"ride_id": range(17 + after)})]))
    publish(sink, Manifest(dataset="rides", partition=partition, inputs="i", model="m", scoring="s", model_version="4",
                           rows_in=20 + after, rows_scored=17 + after, rows_quarantined=3, parts=(part,),
                           published_at=NIGHT.isoformat()), after)  # fmt: skip


def a_run(hours: float = 1, **facts: Any) -> Run:
    ended, receipt = NIGHT + timedelta(hours=hours), f"{hours}.html"
    values = {"moment": "2024-04-29 03:00:00 UTC", "flow": "score", "outcome": "Published", "mood": "good",
              "seconds": 9, "sentence": "So it went.", "ended": ended, "receipt": receipt}  # fmt: skip
    return Run(**values | facts)


def a_place(folder: Path, **changes: Any) -> tuple[Workspace, Project]:
    write_project(folder / "projects/rides", ride_spec(**changes))
    settings = Settings(home=folder, projects=folder / "projects", clock=NIGHT)
    return Workspace(settings), load_project("rides", folder / "projects")


def test_manifests_and_records_make_the_states_of_the_days_shown(tmp_path: Path) -> None:
    workspace, project = a_place(tmp_path, score={"lookback": "3d", "skip": {date(2024, 4, 25): "no service"}})
    for back in (1, 2, 10, 40):
        publish_day(tmp_path, day(back))
    publish_day(tmp_path, day(2), after=1)
    late = Finding(kind="late", partition=day(9), rows=20)
    runs = [
        a_run(2, rejected={day(3): "no zone"}),
        a_run(1, published=(day(1),), missing=(late, Finding(kind="silent", partition=day(1))), looked=day(0),
              days={day(0): 20, day(1): 20}, stale=(day(10),)),
        a_run(-20, published=(day(2),), missing=(), looked=day(1), days={day(1): 3, day(2): 21}),
    ]  # fmt: skip
    found = {each.partition: each for each in read_partitions(workspace, project, runs, 30)}
    assert {name: each.state for name, each in found.items()} == {
        day(0): "due", day(1): "published", day(2): "published", day(3): "failed", day(4): "skipped", day(9): "late",
        day(10): "changed",
    }  # fmt: skip
    assert [found[day(back)].receipt for back in (1, 2, 3, 10)] == ["1.html", "-20.html", "2.html", ""]
    two = found[day(2)]
    assert (two.generation, two.rows, two.quarantined, two.model_version, two.counted) == (2, 18, 3, "4", 21)
    assert read_partitions(workspace, project, runs, 1)[0].partition == day(0)


def test_a_damaged_manifest_hides_no_other_however_many_are_read_at_once(tmp_path: Path) -> None:
    for back in range(1, 13):
        publish_day(tmp_path, day(back))
    sink = ObjectSink(LocalObjects(tmp_path / "predictions"), "rides")
    file = tmp_path / "predictions" / manifest_name("rides", day(5), 1)
    file.chmod(0o600)
    file.write_text(file.read_text().replace('"i"', '"other"'))

    def check(at_once: int) -> None:
        published, damaged = read_published_days(sink, Window(date(2024, 4, 1), date(2024, 4, 30)), at_once)
        assert [each.isoformat() for each in damaged] == [day(5)]
        assert "is not what was published" in damaged[date.fromisoformat(day(5))].what
        assert len(published) == 11

    each([1, 8], check)


def test_a_project_without_days_has_one_partition(tmp_path: Path) -> None:
    sources = {"rides": {"kind": "file", "path": "rides.csv", "key": "ride_id"}}
    workspace, project = a_place(tmp_path, sources=sources, split=None)

    def state(*runs: Run) -> tuple[str, str, str]:
        (found,) = read_partitions(workspace, project, runs)
        return found.partition, found.state, found.receipt

    assert state() == ("all", "due", "")
    publish_day(tmp_path, "all")
    assert state(a_run(1, published=("all",))) == ("all", "published", "1.html")
    assert state(a_run(2, rejected={"all": "no zone"}), a_run(1, published=("all",))) == ("all", "failed", "2.html")


def test_a_record_says_whether_its_receipt_is_there_and_older_records_are_read(tmp_path: Path) -> None:
    for name in ("20240429T030000-score-aaaaaa", "20240428T030000-score-bbbbbb"):
        receipt = tmp_path / f"{name}.html"
        receipt.write_text("a receipt")
        add_run(receipt, "rides", a_run(1, rejected={"not a day": "x"}, days={"2024-04-28": 20}))
    (tmp_path / "20240429T030000-score-aaaaaa.html").unlink()
    old = {"moment": "2024-01-01 03:00:00 UTC", "flow": "score", "outcome": "Published", "mood": "good",
           "sentence": "So it went.", "seconds": 1}  # fmt: skip
    (tmp_path / "20240101T030000-score-cccccc.json").write_text(json.dumps(old))
    runs = read_runs(tmp_path, "score")
    assert sorted(str(run.receipt) for run in runs) == ["", "", "20240428T030000-score-bbbbbb.html"]
    assert '"receipt"' not in (tmp_path / "20240428T030000-score-bbbbbb.json").read_text()
    workspace, project = a_place(tmp_path)
    assert [each.partition for each in read_partitions(workspace, project, runs)] == ["2024-04-28"]
