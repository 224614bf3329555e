"""The doctor on real servers, healthy and broken: overlays of the packages that are known to do harm."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deployments.doctor.throwaway import SETTINGS, throwaway_server
from tests.builders import ride_spec, write_project
from tests.conftest import ROOT
from tests.e2e.checkout import Checkout, make_checkout
from tests.servers import call_api

CANARY = "hunter2"
# A package, the symptom of its kind in words of the server itself, and the check that shows it.
BROKEN = [
    ("fastapi==0.153.*", "lists", "422 to /flow_runs/filter, 422 to /logs/filter"),
    ("fastapi==0.165.*", "server", "the server died at import: TypeError: Body() got an unexpected keyword argument"),
    ("sqlalchemy==2.1.*", "scheduler", "Can't evaluate bulk DML statement"),
]


@pytest.fixture(autouse=True)
def _no_server_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that other tests share is asked by those tests alone that name it."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def checkout_at(folder: Path, **environment: str) -> Checkout:
    write_project(folder / "projects" / "rides", ride_spec())
    quiet = {"PREFECT_HOME": str(folder / "prefect"), "TIERRA_HOME": str(folder / "var")}
    return make_checkout(folder / "checkout", **quiet, TIERRA_PROJECTS=str(folder / "projects"), **environment)


def by_check(report: dict[str, Any], level: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in report["findings"]:
        if each["level"] == level:
            found.setdefault(each["check"], []).append(each["said"])
    return found


def overlay(folder: Path, requirement: str) -> str:
    """A folder that holds one package in another version, to be found before the installed one."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        pytest.skip(f"the package index gives no {requirement}: {done.stderr.strip().splitlines()[-1:]}")
    return str(folder)


@pytest.mark.long
@pytest.mark.parametrize(("requirement", "check", "symptom"), BROKEN, ids=[each[0] for each in BROKEN])
def test_a_package_that_breaks_the_server_is_named_with_its_symptom_and_bound(
    tmp_path: Path, requirement: str, check: str, symptom: str
) -> None:
    place = overlay(tmp_path / "overlay", requirement)
    checkout = checkout_at(tmp_path, PYTHONPATH=os.pathsep.join([place, str(ROOT)]))
    report = checkout.json("doctor", exit_code=1)
    print(f"{requirement}: {report['seconds']} s")
    package, _, version = requirement.removesuffix("*").partition("==")
    broken = by_check(report, "broken")
    assert set(broken) == {"versions", check}, report
    assert f"{package} {version}" in broken["versions"][0]
    assert "is outside >=" in broken["versions"][0]
    assert symptom in broken[check][0]


@pytest.mark.long
def test_a_healthy_environment_without_a_server_is_all_well(tmp_path: Path) -> None:
    (tmp_path / "warehouse.db").touch()
    url = f"sqlite:///{tmp_path}/warehouse.db?canary={CANARY}"
    checkout = checkout_at(tmp_path, TIERRA_CONNECTIONS__WAREHOUSE__URL=url)
    report = checkout.json("doctor")
    print(f"healthy: {report['seconds']} s")
    assert report["well"] is True
    assert {each["level"] for each in report["findings"]} == {"ok"}
    shown = {"versions", "disk", "permissions", "time", "telemetry", "stores", "sources", "connection", "registry",
             "server", "lists", "scheduler"}  # fmt: skip
    assert {each["check"] for each in report["findings"]} == shown
    assert CANARY not in str(report)


def test_a_throwaway_server_leaves_no_process_and_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://the-real-one")
    with throwaway_server() as server:
        assert server.process.poll() is None
        folder = server.log.parent
        assert "the-real-one" not in Path(f"/proc/{server.process.pid}/environ").read_text()
    assert server.process.returncode
    assert not folder.exists()


def test_a_throwaway_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (  # starts one, says where, and dies
        "import os\nfrom deployments.doctor.throwaway import throwaway_server\n"
        "with throwaway_server() as server:\n    print(server.process.pid, server.log, flush=True)\n"
        "    os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    server, log = int(done.stdout.split()[0]), Path(done.stdout.split()[1])
    for _ in range(200):
        try:
            os.kill(server, 0)
        except ProcessLookupError:
            assert not log.parent.exists()
            return
        time.sleep(0.1)
    raise AssertionError("the server outlived the process that started it")


def names(server: str, what: str) -> list[str]:
    return sorted(each["name"] for each in call_api(server, "POST", f"/{what}/filter", {}))


@pytest.mark.long
def test_a_running_server_is_asked_itself_and_left_as_it_was(tmp_path: Path, prefect_server: str) -> None:
    before = [names(prefect_server, what) for what in ("flows", "deployments", "flow_runs")]
    url = f"postgresql+nosuchdriver://me:{CANARY}@127.0.0.1:1/warehouse"
    checkout = checkout_at(tmp_path, PREFECT_API_URL=prefect_server, TIERRA_CONNECTIONS__WAREHOUSE__URL=url)
    report = checkout.json("doctor", "--deep", exit_code=1)
    assert report["server"] == prefect_server
    assert set(by_check(report, "broken")) == {"connection"}, report
    ok = by_check(report, "ok")
    assert {"server", "lists", "scheduler", "auth", "clock", "telemetry"} <= set(ok)
    assert "Prefect 3." in ok["server"][0]
    assert "SQLite" in ok["database"][0]
    assert [names(prefect_server, what) for what in ("flows", "deployments", "flow_runs")] == before
    printed = checkout.tierra("doctor", exit_code=1)
    assert "broken   connection" in printed.stdout
    assert CANARY not in str(report) + printed.stdout + printed.stderr


@pytest.mark.long
def test_a_server_behind_auth_and_csrf_is_asked_with_our_auth_string(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = {
        "PREFECT_SERVER_API_AUTH_STRING": f"admin:{CANARY}",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    }
    monkeypatch.setattr("deployments.doctor.throwaway.SETTINGS", SETTINGS | guard)
    with throwaway_server() as server:
        assert server.wait(120), server.last_error()
        stranger = checkout_at(tmp_path, PREFECT_API_URL=server.api.url)
        report = stranger.json("doctor", exit_code=1)
        assert "refuses us (401)" in by_check(report, "broken")["server"][0]
        ours = {**stranger.environment, "PREFECT_API_AUTH_STRING": f"admin:{CANARY}"}
        report = Checkout(stranger.folder, ours).json("doctor", "--deep")
    assert report["well"] is True
    assert "calls without auth are refused, our auth string is accepted" in by_check(report, "ok")["auth"]
    assert CANARY not in str(report)
