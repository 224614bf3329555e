"""Settings: from the environment, typed, with secrets that never show."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tierra.cli.commands import app
from tierra.errors import Misconfigured
from tierra.settings import load_settings

URL = "postgresql://reader:hunter2@db.example.org/warehouse"


@pytest.fixture(autouse=True)
def _connected(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", URL)


def test_a_connection_is_found_by_name_with_its_secret() -> None:
    assert load_settings().connection("warehouse").address == URL
    with pytest.raises(Misconfigured, match=r"'lake' is not set \(set: warehouse\).*connection-unknown"):
        load_settings().connection("lake")


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = load_settings()
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.model_dump())):
        assert "hunter2" not in shown
    assert "****" in settings.model_dump_json()


@pytest.mark.parametrize("arguments", [["settings"], ["settings", "--json"]])
def test_the_settings_command_masks_secrets(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, "hunter2" in result.output) == (0, False)
    assert "****" in result.output


def test_the_settings_command_prints_json_for_machines() -> None:
    assert json.loads(CliRunner().invoke(app, ["settings", "--json"]).stdout)["log_retention"] == 30


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIERRA_CLOCK", "yesterday"), ("TIERRA_CLOCK", "2024-04-29T03:00:00"), ("TIERRA_LOG_RETENTION", "0"),
     ("TIERRA_LOG_LEVEL", "LOUD"), ("TIERRA_RUN_REGISTERED_CODE", "perhaps"),
     ("TIERRA_CONNECTIONS__WAREHOUSE__PASSWORD", "hunter2")],
)  # fmt: skip
def test_a_wrong_value_names_its_variable_and_does_not_repeat_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert (caught.value.code, caught.value.what.split(":")[0]) == ("settings-invalid", name)
    assert value not in caught.value.what


def test_the_environment_beats_the_file(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / ".env").write_text("TIERRA_LOG_RETENTION=3\nTIERRA_LOG_LEVEL=DEBUG\n")
    monkeypatch.setenv("TIERRA_LOG_LEVEL", "ERROR")
    assert (load_settings().log_retention, load_settings().log_level) == (3, "ERROR")


def test_the_registrys_address_is_masked_and_its_password_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_MLFLOW_URI", "postgresql+psycopg://tierra:canary@db.example.org/mlflow")
    settings = load_settings()
    assert "canary" not in repr(settings) + settings.model_dump_json()
    assert "canary" in settings.secrets()
    assert settings.registry_uri() == "postgresql+psycopg://tierra:canary@db.example.org/mlflow"
    monkeypatch.setenv("TIERRA_MLFLOW_URI", "http://mlflow:5000")
    assert load_settings().secrets() == [URL, "hunter2"]  # no secret: lines that name the server stay readable


def test_both_the_url_and_its_password_are_secrets() -> None:
    assert load_settings().secrets() == [URL, "hunter2"]


def test_the_store_is_a_folder_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().store == "store"
    monkeypatch.setenv("TIERRA_STORE", "s3://lake/tierra")
    assert load_settings().store == "s3://lake/tierra"


def test_the_secret_of_a_store_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_S3__ACCESS_KEY_ID", "canary-id")
    monkeypatch.setenv("TIERRA_S3__SECRET_ACCESS_KEY", "canary-secret")
    settings = load_settings()
    assert "canary" not in repr(settings) + settings.model_dump_json()
    assert "canary-secret" in settings.secrets()
    assert settings.s3.secret_access_key
    assert settings.s3.secret_access_key.get_secret_value() == "canary-secret"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TIERRA_S3__SECRET_ACCESS_KEY", "canary", "TIERRA_S3: .*set both"),
        ("TIERRA_S3__ADDRESSING_STYLE", "canary", "TIERRA_S3__ADDRESSING_STYLE"),
        ("TIERRA_S3__ENDPOINT_URL", "canary", "TIERRA_S3__ENDPOINT_URL"),
        ("TIERRA_S3__ENDPOINT_URL", "http://user:canary@host", "TIERRA_S3__ENDPOINT_URL"),
        ("TIERRA_S3__TOKEN", "canary", "TIERRA_S3__TOKEN"),
    ],
)
def test_a_wrong_setting_of_a_store_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=said) as caught:
        load_settings()
    assert "canary" not in str(caught.value)
