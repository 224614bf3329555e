"""kill -9 at every point where publishing changes the disk: all or nothing, and the next run completes.

`make test` tries a sixth of the points and those round the commit; `make faults` tries all.
"""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.faults.conftest import ALL

DAY = "2024-04-29"
ROGUES = ["open", "append", "rename", "link", "remove", "fsync", "native"]
EVERY = 1 if ALL else 6
NOTHING = {"generations": {}, "error": "partition-unpublished"}


pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Everything the child saw: an undisturbed run, rogue writes, and one kill a point."""
    folder = tmp_path_factory.mktemp("kill")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TIERRA_", "PREFECT_API"))}
    environment |= {"PREFECT_HOME": str(folder / "prefect")}
    command = [sys.executable, "-m", "tests.integration.publishing_child", str(folder), str(EVERY)]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=580)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout)


def test_the_undisturbed_run_publishes_every_row_once(said: dict[str, Any]) -> None:
    seen = said["complete"]
    keys = seen["rows"]["ride_id"]
    assert seen["generations"] == {DAY: 1}
    assert len(keys) == len(set(keys)) == 20
    assert seen["rows_in"] == 21
    assert said["quarantined"] == ["r999999"]


def test_every_change_of_the_disk_is_a_point(said: dict[str, Any]) -> None:
    points = said["dry"]["points"]
    assert said["dry"]["strangers"] == []
    assert len(points) >= 15
    assert {"create", "write", "half a write", "sync", "rename", "link", "sync_folder", "remove"} == set(points)


def test_every_way_round_the_disk_module_is_tried(said: dict[str, Any]) -> None:
    assert list(said["rogues"]) == ROGUES


@pytest.mark.parametrize("rogue", ROGUES)
def test_a_change_of_the_disk_without_a_point_is_noticed(said: dict[str, Any], rogue: str) -> None:
    assert said["rogues"][rogue]["strangers"]


def test_bytes_are_on_the_disk_before_their_name_is(said: dict[str, Any]) -> None:
    names = [name for name in said["dry"]["points"] if name != "half a write"]
    visible = [number for number, name in enumerate(names) if name in ("rename", "link")]
    assert visible
    assert {names[number - 1] for number in visible} == {"sync"}
    assert {names[number + 1] for number in visible} == {"sync_folder"}


def test_a_kill_at_any_point_shows_all_rows_or_none(said: dict[str, Any]) -> None:
    assert len(said["kills"]) >= len(said["dry"]["points"]) // EVERY > 45 // EVERY
    for kill in said["kills"]:
        assert kill["signal"] == 9, kill["point"]
        seen = {**kill["killed"]}
        assert seen in (NOTHING, said["complete"]), kill["point"]


def test_a_kill_shows_nothing_before_the_last_link_and_all_after_it(said: dict[str, Any]) -> None:
    shown = {kill["number"]: "rows" in kill["killed"] for kill in said["kills"]}
    link = max(number for number, name in enumerate(said["dry"]["points"], 1) if name == "link")
    assert {link - 1, link, link + 1} <= shown.keys()
    assert shown == {number: number >= link for number in shown}


def test_the_next_run_after_any_kill_completes_as_generation_one(said: dict[str, Any]) -> None:
    for kill in said["kills"]:
        was_there = "rows" in kill["killed"]
        assert kill["retried"] == ("NothingDue" if was_there else "Published"), kill["point"]
        assert kill["after"] == said["complete"], kill["point"]


def test_the_run_after_that_changes_no_file(said: dict[str, Any]) -> None:
    for kill in said["kills"]:
        assert kill["again"] == "NothingDue", kill["point"]
        assert kill["digest_at_last"] == kill["digest"], kill["point"]
        assert kill["at_last"] == said["complete"], kill["point"]
