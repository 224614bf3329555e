"""A process that publishes one day and is killed at every point where the disk changes.

It runs the real body of the score flow, with Prefect's wrapping taken off the
stations and a champion in memory in place of the store's. It forks after the
imports, one fork a kill, and prints what it saw as JSON.
"""

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flows.score
import tierra.steps.publish
from tasks.run.station import Station
from tests.builders import ride_spec, rides, write_project
from tests.forks import in_a_fork
from tierra.data.code import ProjectCode
from tierra.data.features import build_training_features
from tierra.data.frames import to_frame
from tierra.errors import TierraError
from tierra.model.artifact import with_threshold
from tierra.model.release import Champion, Release
from tierra.model.rules import RateRule
from tierra.model.scoring import Scorer
from tierra.outcomes.scoring import Scored
from tierra.project.project import Project
from tierra.store import disk
from tierra.store.predictions import generations, read_published
from tierra.store.tables import read_table
from tierra.workspace import Workspace, open_workspace

DAY = "2024-04-29"
SMALL = 400  # bytes; a larger write has a point in its middle too
DISK = ("create", "write", "sync", "rename", "link", "remove", "sync_folder")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# os.mkdir is not among them: a folder is no object, readers list files only, and an empty one changes nothing.
CHANGES = ("os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "shutil.rmtree", "shutil.move")


def write_rides(folder: Path) -> None:
    """One day with 20 good rows and one that the contract sets aside; few columns, so few writes."""
    day = rides().query("day == @DAY").drop(columns=["zone", "rain"]).reset_index(drop=True)
    day.loc[len(day)] = ["r999999", DAY, -1.0, "no"]
    expectation = {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0,
                   "on_fail": "quarantine"}  # fmt: skip
    contract = {"quarantine_budget": "10%", "expectations": [expectation]}
    write_project(folder / "projects" / "rides", ride_spec(contract=contract, candidates=[{"rule": "base_rate"}]), day)


def champion_of(workspace: Workspace, project: Project) -> Champion:
    release = Release.model_construct(model_sha256="0" * 64, code={}, project_file=project.file.read_text())
    return Champion.model_construct(number=1, version="1", run_id="", code={}, release=release)


def open_scorer(workspace: Workspace, project: Project, champion: Champion) -> Scorer:
    """A real scorer, its model fitted on the spot."""
    rows = rides().query("day == @DAY").drop(columns=["zone", "rain"]).reset_index(drop=True)
    table = build_training_features(project.recipe, ProjectCode(project.folder), rows)
    model = with_threshold(RateRule(["km"]).fit(table, (rows["tipped"] == "yes").to_numpy().astype(float)), 0.5)
    return Scorer(model, ProjectCode(project.folder), project.recipe, tuple(table.columns), {})


def take_prefect_off() -> None:
    for name, value in list(vars(flows.score).items()):
        if isinstance(value, Station):
            setattr(flows.score, name, value.step)
    flows.score.find_champion = champion_of
    tierra.steps.publish.open_scorer = open_scorer


def score(home: Path) -> Scored:
    """The body of the score flow on an installation of its own."""
    os.environ["TIERRA_HOME"] = str(home)
    return flows.score.score.fn.__wrapped__(open_workspace(), "rides")


def end_of(home: Path) -> str:
    """How a run ends, as a word."""
    try:
        return score(home).outcome
    except TierraError as error:
        return error.code


def look(home: Path) -> dict[str, Any]:
    """What a reader sees."""
    os.environ["TIERRA_HOME"] = str(home)
    sink = open_workspace().sink(open_workspace().project("rides"))
    try:
        rows = to_frame(read_published(sink, DAY)).to_dict("list")
    except TierraError as error:
        return {"generations": generations(sink), "error": error.code}
    manifest = json.loads((home / "predictions/rides/manifests" / DAY / "000001.json").read_text())
    kept = sum(1 for _ in (home / "store" / "quarantine").glob("*.parquet"))
    return {"generations": generations(sink), "rows": rows, "rows_in": manifest["rows_in"], "quarantine": kept}


def digest(home: Path) -> str:
    """Digest of every file's name and bytes, temporary ones included."""
    files = sorted(file for file in home.rglob("*") if file.is_file())
    return hashlib.sha256(b"".join(str(file).encode() + file.read_bytes() for file in files)).hexdigest()


class Points:
    """Counts each change of the disk, kills the process after one, and notices changes that have no point."""

    def __init__(self, home: Path, kill_after: int = 0) -> None:
        self.names: list[str] = []
        self.rogues: list[str] = []
        self._home, self._kill_after, self._depth = str(home), kill_after, 0
        self._files: set[str] = set()

    def install(self) -> None:
        for name in DISK:
            setattr(disk, name, self._wrapped(name, getattr(disk, name)))
        self._fsync = os.fsync
        os.fsync = self._watched_fsync
        sys.addaudithook(self._audit)

    def strangers(self) -> list[str]:
        """Changes without a point: those seen, and files nobody says to have made (a native library, say)."""
        there = {str(file) for file in Path(self._home).rglob("*") if file.is_file()}
        return [*self.rogues, *(f"file {name}" for name in sorted(there ^ self._files))]

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if name == "write":
                file, data = arguments
                middle = len(data) // 2
                if len(data) > SMALL:
                    self._inside(function, file, bytes(data[:middle]))
                    self._point("half a write")
                    arguments = (file, data[middle:])
            made = self._inside(function, *arguments)
            self._keep(name, arguments)
            self._point(name)
            return made

        return call

    def _inside(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self._depth += 1
        try:
            return function(*arguments)
        finally:
            self._depth -= 1

    def _point(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    def _keep(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in ("create", "rename", "link"):
            self._files.add(str(arguments[0 if name == "create" else -1]))
        if name in ("rename", "remove"):
            self._files.discard(str(arguments[0]))

    def _watched_fsync(self, handle: int) -> None:
        if not self._depth:
            self.rogues.append("os.fsync")
        self._fsync(handle)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._depth or not (event in CHANGES or event == "open"):
            return
        paths = [os.fspath(each) for each in arguments if isinstance(each, str | bytes | os.PathLike)]
        if not any(str(os.path.abspath(os.fsdecode(path))).startswith(self._home) for path in paths):
            return
        if event != "open" or arguments[2] & WRITING:
            self.rogues.append(f"{event} {os.fsdecode(paths[0])}")


def rogue_native(home: Path) -> None:
    import pyarrow as pa

    with pa.OSFile(str(home / "native"), "wb") as file:
        file.write(b"past Python")


def rogue_fsync(home: Path) -> None:
    handle = os.open(home, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


ROGUES: dict[str, Callable[[Path], Any]] = {
    "open": lambda home: (home / "rogue").write_text("x"),
    "append": lambda home: next(home.rglob("*.json")).open("a").close(),
    "rename": lambda home: os.replace(next(home.rglob("*.json")), home / "elsewhere"),
    "link": lambda home: os.link(next(home.rglob("*.json")), home / "second"),
    "remove": lambda home: next(home.rglob("*.json")).unlink(),
    "fsync": rogue_fsync,
    "native": rogue_native,
}


def counted(home: Path, rogue: Callable[[Path], Any] | None = None) -> dict[str, list[str]]:
    """The points of one undisturbed run, and what changed the disk without one."""
    points = Points(home)
    points.install()
    score(home)
    names = list(points.names)
    if rogue:
        rogue(home)
    return {"points": names, "strangers": points.strangers()}


def killed(home: Path, after: int) -> None:
    points = Points(home, after)
    points.install()
    score(home)


def at_point(home: Path, name: str, number: int) -> dict[str, Any]:
    """Killed at a point, looked at, tried again, and run once more."""
    ended_by, _ = in_a_fork(lambda: killed(home, number))
    seen = {"number": number, "point": f"{number} {name}", "signal": ended_by, "killed": look(home)}
    seen |= {"retried": end_of(home), "after": look(home), "digest": digest(home)}
    return seen | {"again": end_of(home), "at_last": look(home), "digest_at_last": digest(home)}


def tried(points: list[str], every: int) -> list[tuple[int, str]]:
    """Points counted from one: each, or some and those round the link that commits."""
    numbered = list(enumerate(points, 1))
    link = max(number for number, name in numbered if name == "link")
    return [(n, name) for n, name in numbered if n % every == 0 or abs(n - link) <= 1]


def main(folder: Path, every: int) -> dict[str, Any]:
    take_prefect_off()
    write_rides(folder)
    os.environ |= {"TIERRA_PROJECTS": str(folder / "projects"), "TIERRA_CLOCK": f"{DAY}T20:00:00+00:00"}
    os.chdir(folder)
    score(folder / "warm")  # every late import is done once, before the forks
    _, dry = in_a_fork(lambda: counted(folder / "dry"))
    rogues = {name: in_a_fork(lambda name=name: counted(folder / name, ROGUES[name]))[1] for name in ROGUES}
    kills = [at_point(folder / f"kill{n:03d}", name, n) for n, name in tried(dry["points"], every)]
    quarantined = read_quarantine(folder / "dry")
    return {"dry": dry, "rogues": rogues, "kills": kills, "complete": look(folder / "dry"), "quarantined": quarantined}


def read_quarantine(home: Path) -> list[str]:
    os.environ["TIERRA_HOME"] = str(home)
    from tierra.store.predictions import read_manifest

    workspace = open_workspace()
    manifest = read_manifest(workspace.sink(workspace.project("rides")), DAY)
    assert manifest
    return [key for part in manifest.quarantine for key in read_table(workspace.objects, part)["ride_id"].to_pylist()]


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))))
