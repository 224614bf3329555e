"""What the image, the hooks and the workflows promise, as far as it shows without running them."""

import re
import shutil
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.services.addresses import SERVER
from deployments.services.health import find_fault
from scripts import check_release, check_wheel
from tests.conftest import ROOT, free_port
from tierra.environment import QUIET
from tierra.project.yaml_file import read_yaml

DOCKERFILE = (ROOT / "Dockerfile").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
COMPOSE = {name: yaml.safe_load((ROOT / name).read_text()) for name in ("compose.yaml", "compose.s3.yaml")}
SERVICES = {name: service for content in COMPOSE.values() for name, service in content["services"].items()}
STAY = sorted(name for name, service in SERVICES.items() if service["restart"] != "no")
EXAMPLE = (ROOT / ".env.example").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERBS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
WORKFLOWS = {file.stem: read_yaml(file)[0] for file in (ROOT / ".github" / "workflows").glob("*.yml")}
ACTION = read_yaml(ROOT / ".github" / "actions" / "build" / "action.yml")[0]
PINNED = re.compile(r"[\w-]+/[\w.-]+@v\d+(\.\d+)*")


def instructions(text: str = DOCKERFILE) -> list[tuple[str, str]]:
    """Each instruction and what it is given."""
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


def given(name: str) -> list[str]:
    return [rest for each, rest in instructions() if each == name]


def position(name: str, start: str) -> int:
    return next(index for index, (each, rest) in enumerate(instructions()) if each == name and rest.startswith(start))


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def test_the_image_is_built_in_two_stages_from_a_python_by_tag() -> None:
    assert given("FROM") == ["python:3.11-slim AS build", "python:3.11-slim"]
    assert "latest" not in DOCKERFILE
    final = instructions()[position("FROM", "python:3.11-slim AS build") + 1 :]
    final = final[[name for name, _ in final].index("FROM") :]
    assert not [rest for name, rest in final if name == "RUN" and re.search("poetry|pip", rest)]


def test_the_image_holds_what_the_lock_names_and_no_group_for_developers() -> None:
    version = re.search(r"POETRY_VERSION := (\S+)", MAKEFILE)
    assert version
    assert given("ARG") == [f"POETRY_VERSION={version[1]}"]
    installs = [run for run in given("RUN") if "poetry install" in run]
    assert len(installs) == 2
    assert all("--only main,app" in run for run in installs)
    assert position("COPY", "pyproject.toml poetry.lock") < position("RUN", "/opt/poetry/bin/poetry install")


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert given("USER") == ["10001:10001"]
    assert position("USER", "10001") > max(index for index, (name, _) in enumerate(instructions()) if name == "COPY")
    assert "useradd --uid 10001" in DOCKERFILE
    assert given("VOLUME") == ["/data"]


def test_the_image_is_quiet_and_holds_no_secret() -> None:
    variables = dict(pair.split("=", 1) for rest in given("ENV") for pair in rest.split())
    assert {name: variables.get(name) for name in QUIET} == QUIET
    assert variables["TIERRA_HOME"] == "/data"
    assert not re.search(r"(?i)(secret|password|token|api_key|_url=)", " ".join(f"{name} {rest}" for name, rest
                         in instructions()))  # fmt: skip


def test_only_named_files_reach_the_image() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    assert {"projects/*/data", "**/.env"} <= set(ignored)
    copied = {name for rest in given("COPY") if "--from" not in rest for name in rest.split()[:-1]}
    assert copied == allowed
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_starts_a_worker_that_can_be_asked_for_its_health() -> None:
    (command,) = given("CMD")
    assert "deployments.worker" in command
    assert "--with-healthcheck" in command
    assert re.findall(r"-m ([\w.]+)", given("HEALTHCHECK")[0]) == ["deployments.services.health"]


def test_nobody_compiles_what_was_compiled_once() -> None:
    """The bytecode of packages and of our own folders is in the image, is made by `make install`, and is used."""
    assert all("--compile" in run for run in [*given("RUN"), *MAKEFILE.splitlines()] if "poetry install" in run.lower())
    folders = {rest.split()[-1] for rest in given("COPY") if "." not in rest}
    (ours,) = [run for run in given("RUN") if "compileall" in run]
    assert folders <= set(ours.split())
    assert position("RUN", "python -m compileall") > position("COPY", "projects")
    files = [ROOT / "Dockerfile", *(ROOT / ".github").rglob("*.yml"), *ROOT.glob("compose*.yaml")]
    assert [file.name for file in files if "PYTHONDONTWRITEBYTECODE" in file.read_text()] == []


def test_the_image_keeps_results_to_itself() -> None:
    variables = dict(pair.split("=", 1) for rest in given("ENV") for pair in rest.split())
    assert f"--mode=700 {variables['PREFECT_LOCAL_STORAGE_PATH']}" in DOCKERFILE


def test_compose_starts_what_the_house_is_made_of() -> None:
    assert set(SERVICES) == {"postgres", "prefect", "mlflow", "deploy", "worker", "watchdog", "receipts", "s3"}
    assert {content["name"] for content in COMPOSE.values()} == {"tierra"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_pinned_and_may_do_little(name: str) -> None:
    service = SERVICES[name]
    image, _, version = service["image"].partition(":")
    assert re.fullmatch(r"\d+(\.\d+)+", version)
    if image == "tierra":
        assert (version, service["build"]) == (PROJECT["project"]["version"], ".")
    assert str(service["user"]).partition(":")[0] not in ("", "root", "0")
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert "privileged" not in service


def test_the_server_in_its_container_is_set_as_that_of_make_up() -> None:
    assert SERVER.items() <= SERVICES["prefect"]["environment"].items()


@pytest.mark.parametrize("name", STAY)
def test_a_container_that_stays_is_asked_for_its_health_and_comes_back(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= set(SERVICES[name]["healthcheck"])


def test_what_others_wait_for_is_healthy_or_done() -> None:
    waits = [each for service in SERVICES.values() for each in service.get("depends_on", {}).items()]
    assert {name for name, _ in waits} >= {"deploy", "postgres"}
    for name, how in waits:
        assert how["condition"] == ("service_healthy" if name in STAY else "service_completed_successfully")


def test_no_port_is_open_to_other_machines() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 4
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)] == []
    assert "ports" not in SERVICES["worker"]  # --scale worker=3
    assert not [service for service in SERVICES.values() if "container_name" in service]


def test_every_secret_must_be_given_and_is_explained() -> None:
    used = re.findall(r"\$\{(\w+)([^}]*)\}", "".join((ROOT / name).read_text() for name in COMPOSE))
    assert {name for name, _ in used} == set(re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE))
    assert [name for name, rest in used if not rest.startswith(":?")] == []


def test_no_password_stands_in_a_file() -> None:
    for name in COMPOSE:
        text = re.sub(r"\$\{[^}]*\}", "$", (ROOT / name).read_text())
        assert re.findall(r"(?i)(?:password|secretKey|accessKey|auth_string)\"?: *\"?(\w+)", text) == [], name
        assert re.findall(r"://\w+:(?!\$@)\S+@", text) == []
    assert re.findall(r"^(\w+)=.+$", EXAMPLE, re.MULTILINE) == []
    assert {".env", "worker.env"} <= set((ROOT / ".gitignore").read_text().split())


def test_the_api_is_behind_a_password_and_against_calls_from_other_sites() -> None:
    prefect, worker = (SERVICES[name]["environment"] for name in ("prefect", "worker"))
    assert prefect["PREFECT_SERVER_API_AUTH_STRING"].startswith("${PREFECT_SERVER_API_AUTH_STRING:?")
    assert worker["PREFECT_API_AUTH_STRING"] == prefect["PREFECT_SERVER_API_AUTH_STRING"]
    assert prefect["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert "*" not in prefect["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"]
    assert prefect["PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT"] == "false"
    assert SERVICES["deploy"]["environment"] == worker


def test_workers_reach_what_they_are_pointed_to() -> None:
    environment = SERVICES["worker"]["environment"]
    for name, service, port in (("PREFECT_API_URL", "prefect", "4200"), ("TIERRA_MLFLOW_URI", "mlflow", "5000")):
        assert environment[name].startswith(f"http://{service}:{port}")
        assert port in SERVICES[service]["command"]
    assert "mlflow:5000" in SERVICES["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert f"http://{environment['TIERRA_MLFLOW_URL'].removeprefix('http://')}" in {
        f"http://{port.rpartition(':')[0]}" for port in SERVICES["mlflow"]["ports"]
    }


def test_every_volume_and_config_that_is_used_is_declared() -> None:
    for content in COMPOSE.values():
        services = content["services"].values()
        volumes = {volume.partition(":")[0] for service in services for volume in service.get("volumes", [])}
        configs = {config["source"] for service in services for config in service.get("configs", [])}
        assert (volumes, configs) == (set(content["volumes"]), set(content["configs"]))


def test_modules_that_containers_run_are_in_the_image() -> None:
    commands = [service.get("command", []) for service in SERVICES.values()]
    commands += [service["healthcheck"].get("test", []) for service in SERVICES.values()]
    ours = {command[command.index("-m") + 1] for command in commands if "-m" in command}
    services = {"deployments.watchdog", "deployments.watchdog.health", "deployments.worker"}
    assert ours == {"deployments.services.receipts", "deployments.services.health", *services}
    assert SERVICES["deploy"]["command"] == ["tierra", "deploy"]


def test_compose_finds_no_fault_where_it_is_installed(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed; the hosted checks run it")
    (tmp_path / "env").write_text(re.sub(r"^(\w+)=$", r"\1=test:test", EXAMPLE, flags=re.MULTILINE))
    files = [argument for name in COMPOSE for argument in ("--file", str(ROOT / name))]
    command = [docker, "compose", "--env-file", str(tmp_path / "env"), *files, "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_a_worker_is_well_when_it_says_so(status: int, well: bool) -> None:
    class Worker(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Worker) as server:
        threading.Thread(target=server.handle_request).start()
        fault = find_fault(f"http://127.0.0.1:{server.server_port}/health")
    assert (fault is None) is well


def test_a_worker_that_does_not_answer_is_not_well() -> None:
    assert find_fault(f"http://127.0.0.1:{free_port()}/health")


def test_the_hooks_are_valid_and_call_verbs_that_are_there() -> None:
    file = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", str(file)], check=True)
    entries = [hook["entry"] for repo in yaml.safe_load(file.read_text())["repos"] for hook in repo["hooks"]]
    assert entries == ["make format", "make check"]
    assert {"format", "check"} <= VERBS


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_calls_verbs_and_pinned_actions_and_may_do_little(name: str) -> None:
    workflow = WORKFLOWS[name]
    uses = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert [action for action in uses if not action.startswith("./") and not PINNED.fullmatch(action)] == []
    assert workflow["permissions"] == {"contents": "read"}
    runs = "\n".join(step["run"] for step in steps(workflow) if "run" in step)
    assert set(re.findall(r"\bmake ([a-z-]+)", runs)) <= VERBS
    assert "${{" not in runs  # a name from outside would be run as a command
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    assert "secrets." not in str(workflow)


def test_the_composite_action_is_pinned_too() -> None:
    uses = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
    assert [action for action in uses if not PINNED.fullmatch(action)] == []


def test_every_python_we_promise_is_tested() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.14"
    matrix = WORKFLOWS["checks"]["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert matrix == ["3.11", "3.12", "3.13"]
    used = {*WORKFLOWS["release"]["jobs"]["use"]["strategy"]["matrix"]["python"], "3.11"}
    assert used == set(matrix)


def test_the_canary_forgets_the_lock_and_is_heard() -> None:
    canary = WORKFLOWS["canary"]
    runs = [step.get("run", "") for step in canary["jobs"]["canary"]["steps"]]
    assert runs.index("rm poetry.lock && make lock") < runs.index("make check") < runs.index("make test")
    assert canary["on"]["schedule"]
    assert canary["jobs"]["report"]["if"] == "failure()"
    assert canary["jobs"]["report"]["permissions"] == {"issues": "write"}


def test_only_the_last_job_of_a_release_may_publish_what_was_built_and_used() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert (jobs["publish"]["environment"], jobs["publish"]["needs"], jobs["use"]["needs"]) == ("pypi", "use", "build")
    assert [name for name, job in jobs.items() if "id-token" in str(job)] == ["publish"]
    runs = "\n".join(step.get("run", "") for step in jobs["build"]["steps"])
    for check in ("scripts.check_release", "make check", "make test", "make wheel"):
        assert check in runs


@pytest.mark.parametrize(
    ("tag", "changelog", "faults"),
    [
        ("v0.1.0", "## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n", []),
        ("v0.2.0", "## [0.1.0] - 2026-11-30\n", ["tag"]),
        ("v0.1.0", "## [Unreleased]\n", ["none"]),
        ("v0.1.0", "## [0.0.9] - 2026-11-30\n\n## [0.1.0] - 2026-11-29\n", ["0.0.9"]),
        ("v0.1.0", "## [0.1.0] - soon\n", ["none"]),
    ],
)
def test_tag_version_and_changelog_are_one_release(tmp_path: Path, tag: str, changelog: str, faults: list[str]) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(changelog)
    found = check_release.find_faults(tag, tmp_path)
    assert len(found) == len(faults)
    assert all(said in fault for said, fault in zip(faults, found, strict=True))


def made_wheel(folder: Path, **changes: str | None) -> Path:
    """A file that looks like a wheel of the library; a name set to None is left out."""
    metadata = (
        "Metadata-Version: 2.4\nName: tierra\nVersion: 0.1.0\nLicense-Expression: Apache-2.0\nLicense-File: LICENSE\n"
        "Description-Content-Type: text/markdown\n\n# Tierra\n"
    )
    files: dict[str, str | None] = {
        **dict.fromkeys(check_wheel.NEEDED, ""),
        "tierra-0.1.0.dist-info/METADATA": metadata,
    }
    wheel = folder / "tierra-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, **changes}.items():
            if text is not None:
                archive.writestr(name, text)
    return wheel


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"tierra/report/templates/receipt.html": None}, "receipt.html is left out"),
        ({"tasks/scoring.py": ""}, "tasks/scoring.py does not belong"),
        ({"tierra-0.1.0.dist-info/METADATA": "Metadata-Version: 2.4\nName: tierra\nVersion: 0.2.0\n"}, "0.2.0"),
    ],
)
def test_a_faulty_wheel_is_refused(tmp_path: Path, changes: dict[str, str | None], fault: str) -> None:
    found = check_wheel.find_faults(made_wheel(tmp_path, **changes))
    assert bool(found) is bool(fault)
    assert fault in "\n".join(found)


def test_the_project_the_wheel_is_used_on_is_read(tmp_path: Path) -> None:
    from tierra.project.project import load_project

    check_wheel.write_project(tmp_path / "rides")
    assert load_project(str(tmp_path / "rides")).name == "rides"
