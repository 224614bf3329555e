"""What consumers that know no manifests read, in a project file: one file or table, replaced after each publication."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tierra.spec import Spec

SUFFIXES: Final = (".csv", ".json", ".parquet", ".xlsx")
FILE: Final = r"^((s3|gs)://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]/)?[A-Za-z0-9_][A-Za-z0-9_./=-]*$"


def _is_file(path: str) -> str:
    if ".." in path.split("/") or not path.endswith(SUFFIXES):
        raise ValueError(f"a file under the home or in a bucket, without '..', that ends in {', '.join(SUFFIXES)}")
    return path


class Latest(Spec):
    """A fixed file or table with the newest predictions, replaced at once after each publication."""

    path: Annotated[str, AfterValidator(_is_file)] | None = Field(
        None,
        pattern=FILE,
        description="File under the home, or in a bucket, that ends in .csv, .json, .parquet or .xlsx",
    )
    table: str | None = Field(
        None, pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Table beside those of the sink, of `kind: sql`"
    )
    partitions: Annotated[int, Field(ge=1, le=10_000)] | Literal["all"] = Field(
        1, description="How many of the newest days it holds, or all"
    )
    raw: bool = Field(False, description="Leave texts of a .csv that a spreadsheet would run as formulas")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.path) == bool(self.table):
            raise ValueError("state either `path` or `table`")
        return self

    @property
    def count(self) -> int | None:
        """How many partitions; None for all."""
        return None if self.partitions == "all" else self.partitions
