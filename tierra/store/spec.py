"""Publishing in a project file: the sink, and which partitions are due."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from tierra.spec import AS_DATE, Columns, Days, Duration, Name, Spec
from tierra.store.latest_spec import Latest

ScoreColumn = Literal["probability", "decision", "prediction"]


FOLDER = r"^((s3|gs)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/|$))?([A-Za-z0-9_][A-Za-z0-9_./-]*)?$"
# Short enough for our suffixes: PostgreSQL cuts names at 63 bytes.
TABLE_NAME = r"^([a-z][a-z0-9_]{0,62}\.)?[a-z][a-z0-9_]{0,50}$"


def _without_parent(uri: str) -> str:
    if ".." in uri.split("/"):
        raise ValueError("a folder under the home, without '..'")
    return uri


class FilesSink(Spec):
    """Parquet parts and manifests in a folder, or in a bucket."""

    kind: Literal["files"] = Field("files", description="Files")
    uri: Annotated[str, AfterValidator(_without_parent)] = Field(
        "predictions",
        min_length=1,
        pattern=FOLDER,
        description="Folder under the home, s3://bucket/prefix or gs://bucket/prefix",
    )
    dataset: Name | None = Field(None, description="Name of the data set; the project's when not stated")


class SqlSink(Spec):
    """Rows in the tables of a database named in the settings, and a view of what is published."""

    kind: Literal["sql"] = Field(description="A database")
    connection: Name = Field(description="Its URL is the setting TIERRA_CONNECTIONS__<NAME>__URL")
    table: str | None = Field(
        None,
        pattern=TABLE_NAME,
        description="Table, or schema.table; the project's name when not stated",
    )

    @property
    def dataset(self) -> str | None:
        """The table's name without its schema."""
        return self.table.rpartition(".")[2] if self.table else None

    @property
    def namespace(self) -> str | None:
        """The table's schema."""
        return (self.table or "").rpartition(".")[0] or None


def _kind(value: Any) -> str:
    return str(value.get("kind", "files") if isinstance(value, dict) else getattr(value, "kind", "files"))


SinkSpec = Annotated[
    Annotated[FilesSink, Tag("files")] | Annotated[SqlSink, Tag("sql")],
    Discriminator(_kind, custom_error_type="sink_kind", custom_error_message="known: files, sql"),
]


SkippedDay = Annotated[date, WithJsonSchema(AS_DATE)]
SkipReason = Annotated[str, Field(min_length=1, max_length=200)]


class Ready(Spec):
    """When a partition counts as loaded."""

    min_rows: int = Field(1, ge=1, description="Rows from which a day counts as loaded")


class Keep(Spec):
    """How long that is kept which nothing that serves needs. What is published, and every champion, stays."""

    generations: int = Field(3, ge=1, le=1000, description="Generations of a day whose rows are kept")
    snapshots: Annotated[Days, Field(ge=7)] = Field(
        30, description="Days that snapshots, joined rows, the memo, and any generation since it was replaced are kept"
    )
    runs: Annotated[Days, Field(ge=7)] = Field(365, description="Days that receipts and MLflow's runs are kept")


class Score(Spec):
    """What is published, where, and which days are due."""

    sink: SinkSpec = Field(FilesSink(), description="Where predictions are published")
    latest: Latest | None = Field(None, description="A fixed file or table with the newest predictions")
    lookback: Days = Field(7, description="Days back in which gaps are filled and changed days re-scored")
    horizon: Days = Field(0, description="Days ahead that are due")
    watch: Days = Field(30, description="Days back in which changed, late and vanished days are reported")
    ready: Ready = Field(Ready(), description="When a day may be scored")
    skip: dict[SkippedDay, SkipReason] = Field({}, description="Days that are left out on purpose, each with a reason")
    fresh_within: Duration | None = Field(
        None, description="How long after its newest day ended a source is red; never by that when not stated"
    )
    columns: Annotated[tuple[ScoreColumn, ...], BeforeValidator(tuple)] | None = Field(
        None, description="Columns published beside the key; all of the task's when not stated"
    )
    reasons: int = Field(
        0, ge=0, le=20, description="How many reasons of each prediction are published beside it, as `reasons`"
    )
    keep: Columns = Field((), description="Columns of the first source that are published beside the key, unchanged")
