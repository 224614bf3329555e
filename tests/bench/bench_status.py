"""What the status of 3,000 published partitions costs: in a process that has everything imported, and as a command."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.bench.measure import here, hold, interleaved, python, show
from tests.builders import ride_spec, write_project
from tierra.report.index import Run, write_record
from tierra.report.partitions import DAYS
from tierra.settings import load_settings
from tierra.status.stores import read_stores
from tierra.store.manifest import Manifest
from tierra.store.part_names import manifest_name, new_stem
from tierra.store.refs import TableRef
from tierra.workspace import Workspace

TODAY = date(2024, 4, 29)
PARTITIONS, RUNS = 3000, 300
COMMAND = "import sys; from tierra.cli.commands import main; sys.argv = ['tierra', 'status', 'rides']; main()"
GOAL, HELD = 2.0, 4.0  # seconds; what a busy machine makes of it

pytestmark = pytest.mark.long


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that published 3,000 days, and the records of its last 300 nights."""
    for name, value in {"HOME": tmp_path / "var", "PROJECTS": tmp_path / "projects"}.items():
        monkeypatch.setenv(f"TIERRA_{name}", str(value))
    monkeypatch.setenv("TIERRA_CLOCK", f"{TODAY}T03:00:00+00:00")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    write_project(tmp_path / "projects/rides", ride_spec())
    predictions, receipts = tmp_path / "var/predictions", tmp_path / "var/receipts/rides"
    receipts.mkdir(parents=True)
    for back in range(PARTITIONS):
        _publish(predictions, TODAY - timedelta(back))
    for back in range(RUNS):
        _record(receipts, back)
    return tmp_path


def _publish(folder: Path, day: date) -> None:
    """A manifest and its part, as a run leaves them."""
    name, sha256 = day.isoformat(), "0" * 64
    stem = new_stem("rides", name, 1)
    part = TableRef(name=f"{stem}{sha256}.parquet", sha256=sha256, rows=17, columns={"probability": "double"})
    made = Manifest(dataset="rides", partition=name, generation=1, inputs="i", model="m", scoring="s",
                    model_version="4", rows_in=20, rows_scored=17, rows_quarantined=3, parts=(part,),
                    published_at=f"{day}T03:00:00+00:00").sealed()  # fmt: skip
    file = folder / manifest_name("rides", name, 1)
    for each in (file, folder / part.name):
        each.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(made.model_dump_json(indent=1))
    (folder / part.name).write_bytes(b"")


def _record(folder: Path, back: int) -> None:
    ended = datetime(2024, 4, 29, 3, tzinfo=UTC) - timedelta(back)
    days = {(TODAY - timedelta(back + each)).isoformat(): 20 for each in range(36)}
    run = Run(moment=f"{ended:%Y-%m-%d %H:%M:%S UTC}", flow="score", outcome="Published", mood="good", sentence="So.",
              seconds=9, ended=ended, missing=(), looked=(TODAY - timedelta(back)).isoformat(), days=days,
              published=((TODAY - timedelta(back)).isoformat(),))  # fmt: skip
    receipt = folder / f"{ended:%Y%m%dT%H%M%S}-score-abcdef.html"
    receipt.write_text("a receipt")
    write_record(receipt, run)


def test_status_of_3000_partitions(store: Path) -> None:
    def read(days: int) -> None:
        stores = read_stores(Workspace(load_settings()), "rides", days)
        assert stores.checks[1].level == "green", stores.checks[1].what
        (seen,) = stores.projects
        assert len(seen.partitions) == days
        assert {each.state for each in seen.partitions} == {"published"}

    costs = interleaved({
        "13 weeks": lambda: here(lambda: read(DAYS)),
        "all days": lambda: here(lambda: read(PARTITIONS)),
        "the command": lambda: python("-c", COMMAND)[0],
    })  # fmt: skip
    show(f"the status of {PARTITIONS:,} partitions", costs)
    hold("status of 13 weeks of 3,000 partitions, CPU", costs["13 weeks"].cpu, 0.5, GOAL, " s")
    hold("status of all 3,000 partitions, CPU", costs["all days"].cpu, GOAL, HELD, " s")
    hold("tierra status of 3,000 partitions, CPU", costs["the command"].cpu, GOAL, HELD, " s")
