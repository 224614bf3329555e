"""What a project file says about publishing: the sink, and which partitions are due."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tierra.spec import Days, Name, Spec

ScoreColumn = Literal["probability", "decision", "prediction"]


class FilesSink(Spec):
    """Parquet parts and manifests in a folder, relative to the settings' home."""

    kind: Literal["files"] = Field("files", description="A folder")
    uri: str = Field("predictions", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*$", description="Folder under the home")
    dataset: Name | None = Field(None, description="Name of the data set; the project's when not stated")


class Ready(Spec):
    """When a partition counts as loaded."""

    min_rows: int = Field(1, ge=1, description="Rows from which a day counts as loaded")


class Score(Spec):
    """What is published, where, and which days are due."""

    sink: FilesSink = Field(FilesSink(), description="Where predictions are published")
    lookback: Days = Field(7, description="Days back in which gaps are filled and changed days re-scored")
    horizon: Days = Field(0, description="Days ahead that are due")
    watch: Days = Field(30, description="Days back in which changed days are reported")
    ready: Ready = Field(Ready(), description="When a day may be scored")
    columns: Annotated[tuple[ScoreColumn, ...], BeforeValidator(tuple)] | None = Field(
        None, description="What is published beside the key; all that the task gives when not stated"
    )
