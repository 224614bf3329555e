"""The accidents of a day, each made, seen, repaired and seen again."""

import resource
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

from tests.builders import rides
from tests.day_of_ops.place import LAST, Place, Seen, seen_within
from tests.ops import kill
from tests.servers import until

TERMINAL, MESSAGE, PAGE = "`tierra status`", "message", "the run's page"


def source_locked(place: Place) -> Seen:
    with closing(sqlite3.connect(place.database, isolation_level=None)) as loader:
        loader.execute("begin exclusive")
        said = place.score()
        assert said.startswith("Unavailable"), said
        after, told = place.seconds, place.message("rides: score Unavailable")
        loader.execute("rollback")
    place.change()
    return Seen(said, f"{PAGE}; {MESSAGE}: {told}", after, place.score())


def source_missing(place: Place) -> Seen:
    aside = place.database.rename(place.database.with_suffix(".away"))
    said = place.score()
    assert said.startswith("SourceMissing"), said
    after, told = place.seconds, place.message("rides: score SourceMissing")
    aside.rename(place.database)
    return Seen(said, f"{PAGE}; {MESSAGE}: {told}", after, place.score())


def source_swapped_while_it_is_read(place: Place) -> Seen:
    aside = place.database.rename(place.database.with_suffix(".away"))
    run = place.begin()
    time.sleep(4)
    aside.rename(place.database)
    said = place.ended(run)
    assert said.startswith("NothingDue"), said
    warned = [text for level, text in place.ops.log(run) if level >= 30 and "no database file" in text]
    assert warned
    return Seen(f"{said}; a warning: {warned[0][:90]}", "the run's log", place.seconds, "nothing to do")


def column_renamed(place: Place) -> Seen:
    place.load(rides().rename(columns={"rain": "rainfall"}))
    said = place.score()
    assert said.startswith("DataRejected"), said
    assert "did you mean 'rainfall'" in said, said
    after, told = place.seconds, place.message("no column 'rain'")
    place.load(rides())
    return Seen(said, f"{PAGE}; {MESSAGE}: {told[:80]} ...", after, place.score())


def half_loaded(place: Place) -> Seen:
    table = rides()
    place.load(table[(table["day"] != LAST) | (table.groupby("day").cumcount() < 4)])
    said = place.score()
    assert "Incomplete" in said or "DataRejected" in said, said
    after, line = place.seconds, place.line("score/rides")
    place.load(table)
    return Seen(said, f"{PAGE}; {TERMINAL}: {line}", after, place.score())


def loader_dead_for_a_week(place: Place) -> Seen:
    table = rides()
    place.load(table[table["day"] < "2024-04-22"])
    said = place.score()
    assert not said.startswith(("NothingDue:", "Published:")), said
    after, line, told = place.seconds, place.line("score/rides"), place.message("no new day since")
    place.load(table)
    return Seen(said, f"{MESSAGE}: {told[:90]} ...; {TERMINAL}: {line[:120]}", after, place.score())


def a_day_that_comes_late(place: Place) -> Seen:
    for day in ("2024-04-20", "2024-04-22"):
        assert place.score(partition=day).startswith("Published")
    said = place.score()
    assert "older than `lookback`" in said, said
    after, line = place.seconds, place.line("score/rides")
    return Seen(said, f"{PAGE}; {TERMINAL}: {line[:120]}", after,
                place.score(from_date="2024-04-20", to_date="2024-04-26"))  # fmt: skip


def run_killed(place: Place) -> Seen:
    place.change()
    run = place.begin()
    until("it runs", 60, lambda: "Running" in place.ops.states(run), 0.1)
    kill(place.worker)
    place.start_worker()
    said = place.mended(run)
    assert said.startswith(("Published", "NothingDue")), said
    return Seen("worker and run killed (-9); " + ", ".join(dict.fromkeys(place.ops.states(run))), PAGE, place.seconds,
                said)  # fmt: skip


def server_killed(place: Place) -> Seen:
    place.change()
    run = place.begin()
    time.sleep(1)
    for process in place.ops.processes:
        if process.pid in place.ops.server_pids():
            kill(process)
    said = place.line("server")
    assert said.startswith("RED server"), said
    place.ops.server()
    return Seen(said, TERMINAL, "at once", f"server started again: {place.mended(run)}")


def machine_killed(place: Place) -> Seen:
    place.change()
    run = place.begin()
    time.sleep(3)
    place.kill_all()
    place.start_all()
    said = place.mended(run)
    assert said.startswith(("Published", "NothingDue")), said
    return Seen(", ".join(dict.fromkeys(place.ops.states(run))), PAGE, place.seconds, said)


def webhook_dead(place: Place) -> Seen:
    words = f"the store is away at {time.time():.0f}"
    place.told.dead.set()
    place.broke()
    run = place.ops.run("score/rides", project="rides")
    place.ops.set_state(run, "RUNNING", "Running")
    place.ops.set_state(run, "FAILED", "Unavailable", words)
    line = seen_within("the status says it", 180, lambda: place.line("alerts"), "could not be sent")
    after = place.seconds
    place.told.dead.clear()
    place.broke()
    told = place.message(words, 180)
    return Seen(line, f"{TERMINAL}, `tierra doctor`", after, f"{place.seconds} after it was back: {told}")


def disk_full(place: Place) -> Seen:
    place.change()
    place.broke()
    done = place.ops.command("score", "rides", prepare=_no_room, PREFECT_API_URL="")
    said = next((line for line in (done.stdout + done.stderr).splitlines() if "error" in line), done.stderr[-300:])
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    return Seen(said, "terminal, exit code 1", place.seconds, place.score())


def _no_room() -> None:
    """No file of this process may grow: as on a full disk, the system refuses."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def project_deleted(place: Place) -> Seen:
    aside = shutil.move(place.projects / "rides", place.folder / "aside")
    said = place.score()
    assert said.startswith("Misconfigured"), said
    after, told = place.seconds, place.message("no project 'rides'")
    line = place.line("score/rides")
    shutil.move(aside, place.projects / "rides")
    return Seen(said, f"{MESSAGE}: {told[:80]} ...; {TERMINAL}: {line}", after, place.score())


def project_misspelt(place: Place) -> Seen:
    before = len(place.told.messages)
    place.broke()
    run = place.ops.run("score/rides", project="ridse")
    said = place.ended(run)
    assert said.startswith("InvalidCall"), said
    time.sleep(8)
    assert not [each for each in place.told.messages[before:] if "ridse" in str(each)]
    return Seen(said, f"{PAGE}; nobody is told", place.seconds, "run again with the right name")


ACCIDENTS: tuple[Callable[[Place], Seen], ...] = (
    source_locked, source_missing, source_swapped_while_it_is_read, column_renamed, half_loaded,
    loader_dead_for_a_week, a_day_that_comes_late, run_killed, server_killed, machine_killed, webhook_dead,
    disk_full, project_deleted, project_misspelt,
)  # fmt: skip
