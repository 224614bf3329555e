"""The settings: folders, connections and the clock, from the environment and `.env`."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tierra.errors import Misconfigured
from tierra.redaction import protect, secrets_in

# Variables of AWS, Prefect, PostgreSQL and MLflow.
BESIDE: Final = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_KEY",
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PGPASSWORD",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "OTEL_EXPORTER_OTLP_HEADERS",
)


class Connection(BaseModel):
    """A database, named in the settings so that its URL is in no project file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = Field(
        description="Address, such as postgresql://user:password@host/database or sqlite:///var/warehouse.db"
    )
    statement_timeout_seconds: int = Field(
        600, ge=1, le=86_400, description="Longest that PostgreSQL works on one statement"
    )

    @property
    def address(self) -> str:
        """The URL, secret included."""
        return self.url.get_secret_value()

    @property
    def is_postgres(self) -> bool:
        """Whether it is PostgreSQL's address."""
        return self.address.startswith(("postgres://", "postgresql://", "postgresql+psycopg://"))


class S3(BaseModel):
    """How buckets are reached. Missing values come from AWS's own variables, profile or role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint_url: str | None = Field(
        None, pattern=r"^https?://[^/@?#]+/?$", description="Address of a store other than AWS, such as http://s3:8333"
    )
    region: str | None = Field(None, description="Region of the buckets")
    profile: str | None = Field(None, description="Profile in the AWS configuration file")
    access_key_id: SecretStr | None = Field(None, description="Key, with its secret")
    secret_access_key: SecretStr | None = Field(None, description="The key's secret")
    addressing_style: Literal["auto", "path", "virtual"] = Field(
        "auto", description="Bucket in the path or in the host name"
    )

    @model_validator(mode="after")
    def _whole(self) -> "S3":
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("set both the access key and its secret, or neither")
        return self


class Gcs(BaseModel):
    """How buckets of Google Cloud Storage are reached. Credentials are Google's own: GOOGLE_APPLICATION_CREDENTIALS."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint_url: str | None = Field(
        None,
        pattern=r"^https?://[^/@?#]+/?$",
        description="Address of another endpoint; one with http:// is asked without credentials, as an emulator is",
    )


class Http(BaseModel):
    """How web addresses are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: dict[str, SecretStr] = Field(default_factory=dict, description="Bearer tokens by name")
    allow_private: bool = Field(
        False, description="Also read from this machine and private networks; from metadata services never"
    )
    max_megabytes: int = Field(1_000, ge=1, le=100_000, description="Largest that a source's answers may be together")
    max_seconds: int = Field(600, ge=1, le=86_400, description="Longest that reading a source may take")
    max_pages: int = Field(1_000, ge=1, le=100_000, description="Most pages that a source may have")


class Settings(BaseSettings):
    """The settings. Every field is a variable with the prefix TIERRA_."""

    model_config = SettingsConfigDict(
        env_prefix="TIERRA_",
        env_file=".env",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(Path("var"), description="Folder of the store, the registry, receipts and logs")
    projects: Path = Field(Path("projects"), description="Folder whose sub-folders are projects")
    overlay: str | None = Field(
        None, pattern="^[a-z][a-z0-9_-]{0,30}$", description="Reads project.<overlay>.yaml over a project's file"
    )
    store: str = Field(
        "store",
        min_length=1,
        description="Snapshots, models and the memo: a folder under the home, s3://bucket/prefix or gs://bucket/prefix",
    )
    s3: S3 = Field(S3(), description="How buckets are reached")
    gcs: Gcs = Field(Gcs(), description="How buckets of Google Cloud Storage are reached")
    http: Http = Field(Http(), description="How web addresses are read")
    connections: dict[str, Connection] = Field(default_factory=dict, description="Databases by name")
    clock: AwareDatetime | None = Field(None, description="A fixed now, for demos on old data")
    run_registered_code: bool = Field(
        True, description="Score with the code stored beside the champion; else local files must equal it"
    )
    mlflow_uri: SecretStr | None = Field(
        None, description="Registry: postgresql+psycopg://... or http://mlflow:5000; a SQLite file in home if empty"
    )
    mlflow_url: str | None = Field(None, description="Address of the MLflow pages, for links")
    receipts_url: str | None = Field(None, description="Address at which the folder of receipts is served, for links")
    engine: Literal["local", "ray"] = Field(
        "local", description="Where candidates, folds and due partitions are worked on: by the run itself, or by Ray"
    )
    ray_address: str = Field(
        "",
        pattern=r"^([\w.\-]+:\d+)?$",
        description="Address of a Ray cluster, such as 10.0.0.5:6379; a local one is started if empty",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lowest level shown on the console"
    )
    log_retention: int = Field(30, ge=1, le=3650, description="Days that log files are kept")

    heartbeat_seconds: int = Field(
        60,
        ge=30,
        le=3600,
        description="Seconds between a run's heartbeats; after three missed ones it counts as crashed",
    )
    alert_webhook: SecretStr | None = Field(None, description="Address that messages about failures are sent to")
    alert_block: str | None = Field(
        None, pattern="^[a-z0-9-]+/[a-z0-9-]+$", description="Notification block instead, such as slack-webhook/ops"
    )

    @cached_property
    def root(self) -> Path:
        """`home`, absolute."""
        return self.home.expanduser().resolve()

    def now(self) -> datetime:
        """The fixed clock when one is set, else the time, with its zone."""
        return self.clock or datetime.now(UTC)

    def connection(self, name: str) -> Connection:
        """A named connection. Raises Misconfigured."""
        if name not in self.connections:
            known = ", ".join(sorted(self.connections)) or "none"
            raise Misconfigured("connection-unknown", f"connection '{name}' is not set (set: {known})")
        return self.connections[name]

    def registry_uri(self) -> str | None:
        """The registry's address, secret included; None for the one in `home`."""
        return self.mlflow_uri.get_secret_value() if self.mlflow_uri else None

    def secrets(self) -> list[str]:
        """Texts that must never leave: secret settings, and the passwords that stand in any setting."""
        return list(dict.fromkeys(secret for name in type(self).model_fields for secret in self._secrets_of(name)))

    def _secrets_of(self, name: str) -> Iterator[str]:
        for value, is_secret in _texts(getattr(self, name)):
            found = list(secrets_in(value))
            # An address without a password is not secret, and log lines with it should stay readable.
            if is_secret and (found or name != "mlflow_uri"):
                yield value
            yield from found
            if name == "alert_webhook":  # clients quote the path alone
                path = urlsplit(value).path
                yield from (path, path.rpartition("/")[2])


def _texts(value: Any) -> Iterator[tuple[str, bool]]:
    """Every text in a setting, and whether it is declared secret."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value(), True
    elif isinstance(value, str | Path):
        yield str(value), False
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _texts(getattr(value, name))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)


def _secrets_beside() -> Iterator[str]:
    """The secrets that libraries read from the environment themselves."""
    for name in BESIDE:
        if value := os.environ.get(name):
            yield from (value, *secrets_in(value), *([value.partition(":")[2]] if name.endswith("AUTH_STRING") else []))


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process. Raises Misconfigured, naming the variable."""
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        variable = "TIERRA_" + "__".join(str(part) for part in first["loc"]).upper()
        raise Misconfigured("settings-invalid", f"{variable}: {first['msg'].lower()}") from None
    protect([*settings.secrets(), *_secrets_beside()])
    return settings
