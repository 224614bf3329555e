"""Tries the changes of a module against its tests, in copies of the checkout: the checkout itself never changes."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

from tests.conftest import ROOT
from tests.mutants.changes import Change
from tests.mutants.pairs import Pair
from tests.mutants.worker import TIMED_OUT

Outcome = Literal["killed", "timed out", "survived", "not reached"]
NO_TESTS = 5  # pytest's word for it; whatever else it ends with is a failure that the change has made
PATIENCE, AT_LEAST = 5, 20  # times the tests' own seconds, and seconds


@dataclass(frozen=True)
class Known:
    """What the tests of a module do where nothing is changed."""

    lines: dict[int, list[str]]
    seconds: dict[str, float]

    def tests_of(self, change: Change) -> dict[str, list[str]]:
        """By file the tests that reach the lines of a change, the quickest first; all where it is reached at import."""
        reached = {name for line in range(change.first, change.last + 1) for name in self.lines.get(line, [])}
        return self._in_order(name for name in self.seconds if "" in reached or reached & {name, name.split("::")[0]})

    def all_tests(self) -> dict[str, list[str]]:
        """Every test, in the same order."""
        return self._in_order(self.seconds)

    def _in_order(self, names: Iterable[str]) -> dict[str, list[str]]:
        files: dict[str, list[str]] = {}
        for name in sorted(names, key=lambda name: self.seconds[name]):
            files.setdefault(name.split("::")[0], []).append(name)
        return dict(sorted(files.items(), key=lambda file: self.sum_of(file[1])))

    def sum_of(self, names: Iterable[str]) -> float:
        """The seconds that tests take."""
        return sum(self.seconds[name] for name in names)


class Copy:
    """A copy of the checkout, and a process that runs tests in it."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._tree, self._versions = folder, folder / f"copy-{number}", count(1)
        self._basetemp = folder / "temporary" / f"worker-{number}"
        self._modules: list[str] = []
        _copy_checkout(self._tree)
        (folder / "temporary").mkdir(exist_ok=True)
        self._process = self._start()

    def read(self, module: str) -> str:
        """The text of a module, unchanged."""
        return (self._tree / module).read_text()

    def learn(self, module: str, pair: Pair) -> Known:
        """Run the tests of an unchanged module. Raises AssertionError where they fail."""
        found = self._folder / f"{self._tree.name}.json"
        more = {"files": pair.tests, "reached": str(self._tree / module), "found": str(found), "seconds": 600}
        code = self._ask({"arguments": self._arguments(pair), **more})
        assert code == 0, f"the tests of {module} fail where nothing is changed: see {self._log}"
        learned = json.loads(found.read_text())
        self._modules = learned["modules"]
        known = Known({int(line): names for line, names in learned["lines"].items()}, learned["seconds"])
        again = self._ask({"arguments": self._arguments(pair), "tests": known.all_tests(), "seconds": 600})
        assert again == 0, f"the tests of {module} fail in another order: see {self._log}"
        return known

    def try_change(self, module: str, pair: Pair, change: Change, known: Known) -> Outcome:
        """Run the tests that reach a change; whether one of them fails."""
        tests = known.tests_of(change)
        if not tests:
            return "not reached"
        seconds = AT_LEAST + PATIENCE * sum(map(known.sum_of, tests.values()))
        with self._changed(module, change):
            code = self._ask({"arguments": self._arguments(pair), "tests": tests, "seconds": seconds})
        assert code != NO_TESTS, f"the tests of {module} did not run: see {self._log}"
        return "timed out" if code == TIMED_OUT else "killed" if code else "survived"

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)

    @property
    def _log(self) -> Path:
        return self._folder / f"{self._tree.name}.log"

    def _arguments(self, pair: Pair) -> list[str]:
        without = [f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "unraisableexception", "threadexception")]
        always = ["-x", "-q", "-mnot long", "--hypothesis-seed=0", f"--basetemp={self._basetemp}"]
        return [*always, *without, *pair.options]

    @contextmanager
    def _changed(self, module: str, change: Change) -> Iterator[None]:
        """The copy with the change; each version has a time of its own, by which Python knows stale bytecode."""
        file = self._tree / module
        before = file.read_text()
        try:
            self._write(file, change.text)
            yield
        finally:
            self._write(file, before)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text)
        os.utime(file, (next(self._versions),) * 2)

    def _start(self) -> "subprocess.Popen[str]":
        # The name of a worker of xdist makes it share real servers with the others.
        more = {"PYTHONPATH": os.pathsep.join([str(self._tree), *_searched()]), "PYTEST_XDIST_WORKER": "gw0"}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.worker"],
            cwd=self._tree, env={**os.environ, **more}, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def _ask(self, job: dict[str, Any]) -> int:
        assert self._process.stdin
        assert self._process.stdout
        more, self._modules = {"log": str(self._log), "modules": self._modules}, []
        self._process.stdin.write(json.dumps({**job, **more}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def copies(folder: Path, number: int) -> Iterator[list[Copy]]:
    """Copies of the checkout below an empty folder; the servers that their tests start live as long."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "temporary").mkdir(parents=True)
    with ExitStack() as stack:
        for kind in ("s3", "postgres"):
            users = stack.enter_context((folder / "temporary" / f"{kind}.users").open("a"))
            fcntl.flock(users, fcntl.LOCK_SH)
        made = [Copy(folder, each) for each in range(number)]
        for copy in made:
            stack.callback(copy.close)
        yield made


def _copy_checkout(target: Path) -> None:
    """What git knows of, as it is now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _searched() -> list[str]:
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [each for each in given if each and Path(each).resolve() != ROOT]
