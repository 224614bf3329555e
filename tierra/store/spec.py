"""What a project file says about publishing: the sink, and which partitions are due."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tierra.spec import Days, Name, Spec

ScoreColumn = Literal["probability", "decision"]


class FilesSink(Spec):
    """Parquet parts and manifests in a folder, relative to the settings' home."""

    kind: Literal["files"] = "files"
    uri: str = Field("predictions", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$", description="Folder under the home")
    dataset: Name | None = Field(None, description="Name of the data set; the project's when not stated")


class Ready(Spec):
    """When a partition counts as loaded."""

    min_rows: int = Field(1, ge=1)


class Score(Spec):
    """What is published, where, and which days are due."""

    sink: FilesSink = FilesSink()
    lookback: Days = Field(7, description="Days back in which gaps are filled and changed days re-scored")
    horizon: Days = Field(0, description="Days ahead that are due")
    watch: Days = Field(30, description="Days back in which changed days are reported")
    ready: Ready = Ready()
    columns: Annotated[tuple[ScoreColumn, ...], BeforeValidator(tuple)] = ("probability", "decision")
