"""Runs pytest again and again in forks of one process that has the libraries loaded, in a copy of the checkout.

Each line of its input is a job, each line of its output how that ended. A fork begins without a module of ours.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from coverage import Coverage

OURS = ("tierra", "tests", "tasks", "flows", "deployments", "scripts", "projects")
TIMED_OUT = -1


class Order:
    """Runs some tests and no others, in their order."""

    def __init__(self, names: list[str]) -> None:
        self._place = {name: number for number, name in enumerate(names)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((each for each in items if each.nodeid in self._place), key=self._place_of)

    def _place_of(self, item: pytest.Item) -> int:
        return self._place[item.nodeid]


class Reached:
    """Notes which tests reach which lines of a file, how long each takes and what it imports."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._coverage = Coverage(include=[file], data_file=None, config_file=False)
        self.seconds: dict[str, float] = defaultdict(float)
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid.split("::")[0])  # a fixture may serve all tests of its file
        yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        yield

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration

    def found(self) -> dict[str, Any]:
        self._coverage.stop()
        lines = self._coverage.get_data().contexts_by_lineno(self._file)
        return {
            "lines": lines,
            "seconds": self.seconds,
            "modules": [name for name in sys.modules if not _is_ours(name)],
        }


def work() -> None:
    """Do one job after the other until there are no more."""
    for line in sys.stdin:
        job = json.loads(line)
        for name in job.get("modules", []):
            with suppress(BaseException):
                importlib.import_module(name)
        gc.freeze()  # what is loaded now is not looked through again in each fork
        print(_run(job), flush=True)


def _run(job: dict[str, Any]) -> int:
    child = os.fork()
    if not child:
        _be_child(job)
    waiting = select.poll()
    waiting.register(os.pidfd_open(child), select.POLLIN)
    in_time = waiting.poll(job["seconds"] * 1000)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # it, where it still runs, and what it has left
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if in_time else TIMED_OUT


def _be_child(job: dict[str, Any]) -> None:
    code = 70
    try:
        os.setsid()
        _write_to(job["log"])
        code = _test(job)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _test(job: dict[str, Any]) -> int:
    for name in [name for name in sys.modules if _is_ours(name)]:
        del sys.modules[name]
    if "reached" not in job:
        return _test_until_one_fails(job["arguments"], job["tests"])
    reached = Reached(job["reached"])
    code = int(pytest.main([*job["arguments"], *job["files"]], plugins=[reached]))
    with open(job["found"], "w") as file:
        json.dump(reached.found(), file)
    return code


def _test_until_one_fails(arguments: list[str], tests: dict[str, list[str]]) -> int:
    """One file after the other: most changes are noticed by the first, and the others need not be loaded."""
    for file, names in tests.items():
        if code := int(pytest.main([*arguments, file], plugins=[Order(names)])):
            return code
    return 0


def _write_to(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number in (1, 2):
        os.dup2(file, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def _is_ours(module: str) -> bool:
    return module.split(".")[0] in OURS


if __name__ == "__main__":
    work()
