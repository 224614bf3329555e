"""What `make up` decides before it starts anything: where to listen, who may call, and that it is alone."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.services.addresses import (
    Addresses,
    check_ports,
    load_server_settings,
    make_environment,
    plan_addresses,
)
from tests.conftest import ROOT, free_port
from tierra.errors import Misconfigured
from tierra.settings import Settings, load_settings
from tierra.status.server_address import address_file, find_server, is_loopback


@pytest.fixture(autouse=True)
def _empty(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "AUTH_STRING"):
        monkeypatch.delenv(f"PREFECT_SERVER_API_{name}", raising=False)


def planned(**settings: str) -> Addresses:
    return plan_addresses(Settings(**settings), load_server_settings())


def test_everything_is_on_this_machine_at_the_usual_ports() -> None:
    addresses = planned()
    assert (addresses.api, addresses.pages) == ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200")
    assert [port for _, _, port in addresses.ports()] == [4200, 5000, 4300]


def test_an_address_on_this_machine_moves_the_service() -> None:
    addresses = planned(mlflow_url="http://localhost:5001", receipts_url="http://127.0.0.1:4301")
    assert [port for _, _, port in addresses.ports()] == [4200, 5001, 4301]


def test_pages_elsewhere_are_linked_and_not_started() -> None:
    addresses = planned(mlflow_url="https://mlflow.example.org", receipts_url="https://receipts.example.org")
    assert (addresses.mlflow, addresses.receipts) == (None, None)
    assert (addresses.mlflow_link, addresses.receipts_link) == (
        "https://mlflow.example.org",
        "https://receipts.example.org",
    )


def test_a_registry_server_is_linked_without_its_password_and_not_started() -> None:
    addresses = planned(mlflow_uri="http://ops:hunter2@mlflow:5000")
    assert (addresses.mlflow, addresses.mlflow_link) == (None, "http://mlflow:5000")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "ops.example.org"])
def test_a_server_that_others_reach_needs_a_password(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_HOST", host)
    with pytest.raises(Misconfigured, match=r"anyone who reaches .*PREFECT_SERVER_API_AUTH_STRING.*auth-missing"):
        load_server_settings()
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "ops:hunter2")
    assert load_server_settings().host == host


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), (None, False)],
)
def test_loopback_is_what_only_this_machine_reaches(host: str | None, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(("name", "value"), [("PORT", "70000"), ("PORT", "many"), ("AUTH_STRING", "hunter2")])
def test_a_wrong_value_names_its_variable_and_does_not_repeat_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"PREFECT_SERVER_API_{name}", value)
    with pytest.raises(Misconfigured, match=f"PREFECT_SERVER_API_{name}: .*settings-invalid") as caught:
        load_server_settings()
    assert value not in str(caught.value)


@pytest.mark.parametrize("name", ["PREFECT_SERVER_API_PORT", "TIERRA_MLFLOW_URL", "TIERRA_RECEIPTS_URL"])
def test_a_port_that_is_taken_is_named_with_the_variable_that_changes_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_PORT", str(free_port()))
    monkeypatch.setenv("TIERRA_MLFLOW_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("TIERRA_RECEIPTS_URL", f"http://127.0.0.1:{free_port()}")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv(name, str(port) if name.startswith("PREFECT") else f"http://127.0.0.1:{port}")
        server = load_server_settings()
        with pytest.raises(Misconfigured, match=rf"127.0.0.1:{port} \({name}\).*port-taken"):
            check_ports(plan_addresses(load_settings(), server), server)


def test_services_and_their_runs_share_one_home_and_talk_to_this_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_HOME", "var")
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere.example.org/api")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "ops:hunter2")
    settings, server = load_settings(), load_server_settings()
    variables = make_environment(settings, server, plan_addresses(settings, server))
    assert Path(variables["TIERRA_HOME"]) == settings.root
    assert Path(variables["TIERRA_PROJECTS"]).is_absolute()
    assert variables["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert variables["PREFECT_API_AUTH_STRING"] == variables["PREFECT_SERVER_API_AUTH_STRING"] == "ops:hunter2"
    assert variables["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert variables["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4200,http://localhost:4200"
    assert variables["PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT"] == "false"
    assert variables["PREFECT_RESULTS_DEFAULT_SERIALIZER"] == "json"
    assert Path(variables["PREFECT_LOCAL_STORAGE_PATH"]).is_relative_to(settings.root)


def test_two_in_one_home_would_disturb_each_other(workspace: Path) -> None:
    from deployments.services.up import _single_instance

    with _single_instance(load_settings()):
        done = subprocess.run(
            [sys.executable, "-m", "deployments.services.up"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "is already running" in done.stderr
    assert "up-running" in done.stderr


def test_the_server_is_the_one_named_else_the_one_of_make_up(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(Misconfigured, match="server-unknown"):
        find_server(settings)
    settings.root.mkdir()
    address_file(settings).write_text("http://127.0.0.1:4200/api\n")
    assert find_server(settings) == "http://127.0.0.1:4200/api"
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example.org/api")
    assert find_server(settings) == "http://prefect.example.org/api"
