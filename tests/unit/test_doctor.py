"""What the doctor says of versions, this machine, stores and a server's answers, without a server."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from typer.testing import CliRunner

from deployments.doctor import doctor, live, machine, places, probe, versions
from deployments.doctor.api import Api
from deployments.doctor.finding import DoctorCheck, Finding
from deployments.doctor.server_checks import check_lists, check_schedules, check_version, find_no_answer
from deployments.doctor.throwaway import find_last_error
from tests.builders import ride_spec, write_project
from tests.champions import keep_champion
from tests.conftest import ROOT, free_port
from tierra.cli.commands import app
from tierra.environment import QUIET, set_defaults
from tierra.settings import load_settings
from tierra.store.objects import MemoryObjects
from tierra.workspace import Workspace

CANARY = "hunter2"


@pytest.fixture
def root(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of nothing but the application, quiet, with its own Prefect home."""
    (workspace / "deployments").symlink_to(ROOT / "deployments")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PREFECT_HOME", str(workspace / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)  # of other tests' server
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    return workspace


def levels(found: Iterator[Finding] | Finding | list[Finding]) -> list[str]:
    return [each.level for each in ([found] if isinstance(found, Finding) else found)]


# versions


def test_the_matrix_is_what_pyproject_bounds() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    library = dict(
        line.rstrip(")").replace("[binary]", "").split(" (") for line in pyproject["project"]["dependencies"]
    )
    group = pyproject["tool"]["poetry"]["group"]["app"]["dependencies"]
    application = {name: each["version"] if isinstance(each, dict) else each for name, each in group.items()}
    assert library | application == versions.MATRIX
    assert pyproject["project"]["requires-python"] == versions.PYTHON


def test_no_known_breaker_is_within_the_bounds() -> None:
    for known in versions.INCOMPATIBLE:
        least = known.versions.partition(",")[0].removeprefix(">=")
        assert least not in SpecifierSet(versions.MATRIX[known.package])


@pytest.mark.parametrize(
    ("package", "installed", "expected", "level"),
    [
        ("fastapi", "0.153.0", "422", "broken"),
        ("fastapi", "0.151.0rc1", "outside", "warning"),
        ("fastapi", "0.155.0", "dies at import", "broken"),
        ("fastapi", "0.165.0", "dies at import", "broken"),
        ("fastapi", "0.138.0", "Tierra is not tested with it", "warning"),
        ("sqlalchemy", "2.1.9", "never creates a scheduled run", "broken"),
        ("prefect", "3.9.0", "certifi", "broken"),
        ("pandas", "3.2.0", "Tierra is not tested with it", "warning"),
    ],
)
def test_a_version_outside_is_named_with_its_symptom_and_bound(
    monkeypatch: pytest.MonkeyPatch, package: str, installed: str, expected: str, level: str
) -> None:
    real = versions.version
    monkeypatch.setattr(versions, "version", lambda name: installed if name == package else real(name))
    (found,) = versions.check_versions()
    assert found.level == level
    for part in (package, installed, versions.MATRIX[package], expected):
        assert part in found.said
    assert f"{package}{versions.MATRIX[package]}" in found.remedy


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        if name == "skops":
            raise PackageNotFoundError(name)
        return real(name)

    real = versions.version
    monkeypatch.setattr(versions, "version", missing)
    (found,) = versions.check_versions()
    assert (found.level, found.said) == ("broken", "skops is not installed")


def test_the_doctor_imports_nothing_that_may_be_what_is_broken() -> None:
    suspects = {"prefect", "fastapi", "sqlalchemy", "pandas", "sklearn", "mlflow", "great_expectations", "boto3"}
    code = (
        "import sys, tierra.cli.commands, deployments.doctor.doctor;"
        " print(*(name for name in sys.modules if '.' not in name))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert suspects & set(done.stdout.split()) == set()


# this machine


@pytest.mark.parametrize(("free", "level"), [(3e9, "ok"), (1e9, "warning"), (1e8, "broken")])
def test_a_disk_that_fills_is_said_before_it_is_full(
    root: Path, monkeypatch: pytest.MonkeyPatch, free: float, level: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=int(free)))
    assert machine.check_disk(root / "var" / "not" / "yet").level == level


def test_a_home_that_cannot_be_written_is_said(root: Path) -> None:
    (root / "file").write_text("")
    (found,) = machine.check_permissions(root / "file" / "var")
    assert (found.level, "not writable" in found.said) == ("broken", True)


@pytest.mark.parametrize(("mode", "level"), [(0o700, "ok"), (0o755, "broken"), (0o770, "broken")])
def test_results_are_ours_alone(root: Path, monkeypatch: pytest.MonkeyPatch, mode: int, level: str) -> None:
    (root / "results").mkdir()
    (root / "results").chmod(mode)
    monkeypatch.setenv("PREFECT_LOCAL_STORAGE_PATH", str(root / "results"))
    assert levels(machine.check_permissions(root / "var")) == [level]


@pytest.mark.parametrize(("folder", "level"), [("var/results", "broken"), ("prefect/storage", "warning")])
def test_results_that_others_read_are_worst_where_we_promised(root: Path, folder: str, level: str) -> None:
    (root / folder).mkdir(parents=True)
    (root / folder).chmod(0o755)
    (found,) = machine.check_permissions(root / "var")
    assert (found.level, found.remedy) == (level, f"chmod 700 {root / folder}")


@pytest.mark.parametrize(
    ("line", "mode", "level"),
    [
        (f"PREFECT_API_AUTH_STRING=admin:{CANARY}", 0o644, "broken"),
        (f"PREFECT_API_AUTH_STRING=admin:{CANARY}", 0o600, "ok"),
        (f"TIERRA_CONNECTIONS__WAREHOUSE__URL=postgresql://me:{CANARY}@host/db", 0o640, "broken"),
        ("TIERRA_CONNECTIONS__WAREHOUSE__URL=sqlite:///var/warehouse.db", 0o644, "ok"),
    ],
)
def test_secrets_in_env_are_not_for_others(root: Path, line: str, mode: int, level: str) -> None:
    (root / ".env").write_text(line + "\n")
    (root / ".env").chmod(mode)
    (found,) = machine.check_permissions(root / "var")
    assert found.level == level
    assert CANARY not in str(found)


def test_a_fixed_clock_is_not_forgotten(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.check_time(load_settings()).level == "ok"
    monkeypatch.setenv("TIERRA_CLOCK", "2024-04-29T03:00:00Z")
    assert machine.check_time(load_settings()).level == "warning"


@pytest.mark.parametrize("name", machine.TELEMETRY)
def test_telemetry_that_is_on_is_named(root: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    set_defaults(QUIET)
    assert machine.check_telemetry().level == "ok"
    monkeypatch.setenv(name, "1")
    found = machine.check_telemetry()
    assert (found.level, name in found.said, f"{name}={QUIET[name]}" in found.remedy) == ("broken", True, True)


# stores, registry, connections


class Generous(MemoryObjects):
    """A store in which every writer wins, as those that ignore If-None-Match do."""

    def put_if_absent(self, name: str, data: bytes) -> bool:
        self.objects[name] = data
        return True


def test_a_store_where_several_writers_win_is_refused() -> None:
    found = places._check_writers("memory", Generous())
    assert found
    assert "8 of 8 writers" in found.said
    assert places._check_writers("memory", MemoryObjects()) is None


def test_looking_at_stores_leaves_no_object_behind(root: Path) -> None:
    write_project(root / "projects" / "rides")
    assert levels(places.check_stores(load_settings())) == ["ok"]
    assert [file for file in (root / "var").rglob("*") if file.is_file()] == []


def test_a_store_that_cannot_be_written_is_said(root: Path) -> None:
    (root / "var").mkdir()
    (root / "var" / "store").write_text("a file where a folder should be")
    (found,) = places.check_stores(load_settings())
    assert found.level == "broken"
    assert str(root / "var" / "store") in found.said


def test_a_project_that_cannot_be_read_hides_no_other(root: Path) -> None:
    write_project(root / "projects" / "bad", "project: bad\n")
    write_project(root / "projects" / "rides")
    assert levels(places.check_stores(load_settings())) == ["broken", "ok"]


def test_no_registry_is_made_by_looking_for_one(root: Path) -> None:
    assert levels(places.check_registry(load_settings())) == ["ok"]
    assert not (root / "var" / "mlflow.db").exists()


def test_sources_of_a_project_can_be_read_or_it_is_said_why_not(root: Path) -> None:
    """A warning before the first training, when the data may still have to come."""
    write_project(root / "projects" / "rides")
    write_project(root / "projects" / "tips", ride_spec(project="tips", target="tiped"))
    good, wrong = places.check_sources(load_settings())
    assert (good.level, good.said) == ("ok", "rides: rides can be read")
    assert (wrong.level, "tips: target: no column 'tiped'" in wrong.said) == ("warning", True)
    assert not (root / "var").exists()
    keep_champion(Workspace(load_settings()).objects)
    (root / "projects" / "rides" / "rides.csv").unlink()
    assert levels(places.check_sources(load_settings())) == ["broken", "warning"]


def test_a_connection_answers_or_says_why_not(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "there.db").write_bytes(b"")
    for name, url in {"GOOD": "sqlite:///there.db", "GONE": "sqlite:///gone.db"}.items():
        monkeypatch.setenv(f"TIERRA_CONNECTIONS__{name}__URL", url)
    assert levels(places.check_connection(load_settings(), "good")) == ["ok"]
    (found,) = places.check_connection(load_settings(), "gone")
    assert (found.level, "no database file gone.db" in found.said) == ("broken", True)


def test_a_library_that_breaks_takes_one_line_with_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "broken").mkdir()
    (root / "broken" / "sqlalchemy.py").write_text("raise ImportError('half installed')")
    monkeypatch.setenv("PYTHONPATH", f"{root / 'broken'}{os.pathsep}{ROOT}")
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", "sqlite:///warehouse.db")
    (found,) = probe.probe("connection", "warehouse")
    assert (found.level, found.said) == ("broken", "warehouse: ImportError: half installed")


def test_a_check_that_hangs_is_ended(root: Path) -> None:
    (found,) = probe.probe("stores", seconds=0.01)
    assert (found.level, "no answer within" in found.said) == ("broken", True)


# a server's answers


@contextmanager
def answering(*answers: tuple[str, int, Any], date: float | None = None) -> Iterator[Api]:
    """A server that gives these answers to paths that begin so, and {} to others."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = next(((s, b) for path, s, b in answers if self.path.startswith("/api" + path)), (200, {}))
            if status == 401 and self.headers.get("Authorization"):
                status, body = 200, []
            self.send_response_only(status)
            self.send_header("Date", formatdate(date, usegmt=True))
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Api(f"http://127.0.0.1:{server.server_port}/api")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_server_that_does_not_answer_is_said_with_its_address() -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    found = find_no_answer(Api(url))
    assert found
    assert (found.level, url in found.said, "make up" in found.remedy) == ("broken", True, True)


def test_an_address_that_is_none_is_no_crash() -> None:
    for url in ("nonsense", "http://127.0.0.1:none/api", "ftp://127.0.0.1/api"):
        assert find_no_answer(Api(url))


def test_another_version_at_the_server_is_a_warning() -> None:
    with answering(("/admin/version", 200, "3.7.0")) as api:
        assert check_version(api).level == "warning"


def test_a_server_that_refuses_to_list_is_broken_and_says_why() -> None:
    body = {"exception_detail": [{"loc": ["body", "sort"], "msg": "Input should be 'ID_DESC'"}]}
    with answering(("/flow_runs/filter", 422, body)) as api:
        found = check_lists(api)
    assert (found.level, found.check) == ("broken", "lists")
    assert "422 to /flow_runs/filter (body.sort: Input should be" in found.said


def test_a_schedule_without_any_run_ahead_is_broken() -> None:
    deployment = {"id": "1", "name": "rides", "paused": False, "schedules": [{"active": True}]}
    with answering(("/deployments/filter", 200, [deployment]), ("/flow_runs/filter", 200, [])) as api:
        assert check_schedules(api, seconds=0).level == "broken"
    with answering(("/deployments/filter", 200, [deployment]), ("/flow_runs/filter", 200, [{"id": "2"}])) as api:
        assert check_schedules(api, seconds=0).level == "ok"
    with answering(("/deployments/filter", 200, [deployment | {"paused": True}])) as api:
        assert check_schedules(api, seconds=0).level == "skipped"


def test_a_server_open_to_everybody_outside_loopback_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as api:
        assert live.check_auth(api).level == "ok"
        monkeypatch.setattr(live, "is_loopback", lambda host: False)
        assert live.check_auth(api).level == "broken"


def test_an_auth_string_that_is_taken_is_well_and_none_is_not() -> None:
    with answering(("/flow_runs/filter", 401, {})) as api:
        assert live.check_auth(Api(api.url, f"admin:{CANARY}")).level == "ok"
        assert live.check_auth(api).level == "broken"


@pytest.mark.parametrize(("off", "level"), [(0, "ok"), (90, "warning"), (-90, "warning")])
def test_a_clock_that_is_off_is_said(off: float, level: str) -> None:
    import time

    with answering(date=time.time() + off) as api:
        assert live.check_clock(api).level == level


@pytest.mark.parametrize(
    ("kind", "workers", "level"), [("SQLite", 1, "ok"), ("SQLite", 2, "warning"), ("PostgreSQL", 9, "ok")]
)
def test_sqlite_is_not_for_several_workers(kind: str, workers: int, level: str) -> None:
    with answering(("/work_pools/", 200, [{"status": "ONLINE"}] * workers)) as api:
        assert live.check_database(api, kind).level == level


def test_a_database_that_is_away_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.doctor.api.BUSY_DELAYS", (0.01,))
    with answering(("/ready", 503, {"message": "Database is not available"})) as api:
        assert live.check_database(api, "").level == "broken"


def test_runs_that_would_send_telemetry_are_named() -> None:
    quiet = {"name": "quiet", "job_variables": {"env": dict(QUIET)}}
    with answering(("/deployments/filter", 200, [quiet, {"name": "loud", "job_variables": {}}])) as api:
        found = live.check_telemetry(api, {})
    assert (found.level, "loud" in found.said, "quiet" in found.said) == ("broken", True, False)


def test_a_watchdog_that_has_not_looked_is_a_warning() -> None:
    now = datetime.now(UTC)
    answers_of = {"ok": now, "warning": now - timedelta(minutes=6)}
    for level, looked in answers_of.items():
        with answering(("/variables/name/tierra_watchdog", 200, {"value": looked.isoformat()})) as api:
            assert live.check_watchdog(api).level == level
    with answering(("/variables/name/tierra_watchdog", 404, {"detail": "not found"})) as api:
        assert "none has ever looked" in live.check_watchdog(api).said


def test_the_symptom_is_the_first_line_of_the_last_error() -> None:
    log = (
        "Traceback (most recent call last):\n  File 'x', line 1\nKeyError: 'first'\n\n"
        "    | sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement\n    | (Background)\n"
    )
    assert find_last_error(log) == "sqlalchemy.exc.InvalidRequestError: Can't evaluate bulk DML statement"
    assert find_last_error("INFO: started") == ""
    missing = 'asyncpg.exceptions.InvalidCatalogNameError: database "prefect" does not exist'
    assert find_last_error(f"{missing}\n\nERROR:    Application startup failed. Exiting.") == missing


# the command


def set_findings(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(doctor, "_checks", lambda *_: [lambda: iter(findings)])


@pytest.mark.parametrize(
    ("findings", "exit_code", "end"),
    [
        ([DoctorCheck("disk").ok("room")], 0, "nothing is broken"),
        ([DoctorCheck("disk").warning("little room", "Free some")], 0, "nothing is broken"),
        ([DoctorCheck("disk").broken("no room", "Free some"), DoctorCheck("time").ok("known")], 1, "1 broken"),
    ],
)
def test_only_what_is_broken_fails_the_command(
    root: Path, monkeypatch: pytest.MonkeyPatch, findings: list[Finding], exit_code: int, end: str
) -> None:
    set_findings(monkeypatch, *findings)
    done = CliRunner().invoke(app, ["doctor"])
    assert (done.exit_code, end in done.output) == (exit_code, True)
    lines = done.output.splitlines()
    assert len(lines) == len(findings) + 1
    assert lines[0].split()[:2] == [findings[0].level, "disk"]
    assert lines[0].endswith(findings[0].remedy)


def test_machines_get_one_object(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_findings(monkeypatch, DoctorCheck("disk").broken("no room", "Free some"))
    done = CliRunner().invoke(app, ["doctor", "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["well"], found["server"]) == (1, False, None)
    assert found["findings"] == [{"check": "disk", "level": "broken", "said": "no room", "remedy": "Free some"}]


def test_no_secret_is_printed_whoever_quotes_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", f"postgresql://me:{CANARY}%2F@host/db")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:swordfish")
    monkeypatch.setenv("PREFECT_API_URL", "http://me:sesame@127.0.0.1:9/api")
    message = f"cannot reach postgresql://me:{CANARY}%2F@host/db with {CANARY}/ or admin:swordfish, swordfish, sesame"
    set_findings(monkeypatch, DoctorCheck("connection").broken(message, message))
    for arguments in (["doctor"], ["doctor", "--json"]):
        printed = CliRunner().invoke(app, arguments).output
        assert "cannot reach" in printed
        assert [secret for secret in (CANARY, "swordfish", "sesame") if secret in printed] == []


@pytest.mark.parametrize(
    ("arguments", "server"),
    [(["doctor"], "http://127.0.0.1:9/api"), (["doctor", "--throwaway"], None)],
)
def test_the_server_we_are_told_of_is_asked_unless_a_throwaway_is_wanted(
    root: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], server: str | None
) -> None:
    checked: list[str | None] = []
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr(doctor, "check_throwaway", lambda: checked.append(None) or iter(()))
    monkeypatch.setattr(doctor, "_check_server", lambda url, deep: checked.append(url) or iter(()))
    monkeypatch.setattr(doctor, "probe", lambda *_, **__: iter(()))
    CliRunner().invoke(app, arguments)
    assert checked == [server]


def test_a_server_that_is_away_is_followed_by_whether_one_could_run_here(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = DoctorCheck("server").ok("a throwaway server starts")
    monkeypatch.setattr(doctor, "check_throwaway", lambda: iter([ran]))
    assert levels(doctor._check_server(f"http://127.0.0.1:{free_port()}/api", deep=False)) == ["broken", "ok"]


def test_a_check_that_fails_hides_no_other(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Iterator[Finding]:
        yield DoctorCheck("disk").ok("room")
        raise KeyError("token")

    monkeypatch.setattr(doctor, "_checks", lambda *_: [fails, lambda: iter([DoctorCheck("time").ok("known")])])
    assert levels(doctor.examine().findings) == ["ok", "broken", "ok"]


def test_the_command_stands_in_a_checkout(workspace: Path) -> None:
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 2
