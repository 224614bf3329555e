"""The data in a project file: sources, joins, contract, split."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from tierra.data.csv_form import CsvForm
from tierra.data.expectations import COLUMN_ARGUMENTS, ROW_EXPECTATIONS, TABLE_EXPECTATIONS
from tierra.data.http_form import Format, HttpForm, check_web_path, file_name
from tierra.spec import Column, Columns, Cut, Days, Duration, Name, Share, Spec
from tierra.store.web_address import is_web

ColumnType = Literal["text", "integer", "number", "boolean", "date", "timestamp", "timestamptz"]


AS_TEXTS = {"title": "texts", "type": "array", "items": {"type": "string"}}


def _texts(value: Any) -> Any:
    """A list of texts: YAML reads null and 1 as no texts, and so they are written in quotes."""
    return tuple(value) if isinstance(value, list) else value


class _Source(Spec):
    key: Columns = Field((), description="Columns that identify a row; snapshots are sorted by them")
    columns: Columns = Field((), description="Columns to read; all when not stated")
    types: dict[Column, ColumnType] = Field(default_factory=dict, description="Types to cast columns to")
    partition_by: Column | None = Field(None, description="The date column whose days are scored one by one")
    history: Days = Field(0, description="Days before a partition that `prepare` may read")
    known_later: Columns = Field((), description="Columns filled in after scoring: withheld from features")

    @property
    def named_columns(self) -> tuple[str, ...]:
        """The columns that the project file names."""
        named = [*self.columns, *self.key, *self.known_later, *self.types]
        return tuple(dict.fromkeys([*named, *([self.partition_by] if self.partition_by else [])]))

    @model_validator(mode="after")
    def _fits(self) -> "_Source":
        if self.history and not self.partition_by:
            raise ValueError("`history` needs `partition_by`")
        named = {*self.key, *self.known_later, *self.types} | ({self.partition_by} - {None})
        if self.columns and (left_out := sorted(str(name) for name in named - set(self.columns))):
            raise ValueError(f"`columns` leaves out {', '.join(left_out)}")
        if both := sorted(set(self.known_later) & {*self.key, self.partition_by}):
            raise ValueError(f"{', '.join(both)} cannot be known later and be the key or the partition")
        return self


class SqlSource(_Source):
    """A table or a query of a database named in the settings."""

    kind: Literal["sql"] = Field(description="A database")
    connection: Name = Field(description="Its URL is the setting TIERRA_CONNECTIONS__<NAME>__URL")
    table: str | None = Field(None, min_length=1, description="Table, or schema.table")
    query: str | None = Field(None, min_length=1, description="A single SELECT, instead of `table`")

    @model_validator(mode="after")
    def _one_of_two(self) -> "SqlSource":
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`")
        return self


class FileSource(_Source):
    """Files of one schema, relative to the project's folder, in a bucket, or at a web address."""

    kind: Literal["file"] = Field(description="Files")
    path: str = Field(
        min_length=1,
        description="Path, s3:// or gs://bucket/key, or https:// address of a .csv, .tsv, .jsonl, .parquet or .xlsx"
        " file, compressed or not; of a folder, as days/; or a pattern for many files, as days/*.csv",
    )
    format: Format | None = Field(None, description="What the file is; by the path's ending when not stated")
    http: HttpForm | None = Field(None, description="How a web address is asked, where it needs more than its path")
    csv: CsvForm | None = Field(None, description="How text files are written, where it is not as most CSV")
    missing: Annotated[tuple[str, ...] | None, BeforeValidator(_texts), WithJsonSchema(AS_TEXTS)] = Field(
        None,
        description="Cells of text files and workbooks that hold no value; NA, NaN, null and the like when not stated",
    )
    as_written: Columns | None = Field(
        None,
        description="Columns in which only an empty cell is missing; those declared `text` unless `missing` is stated",
    )

    @model_validator(mode="after")
    def _fits_its_place(self) -> "FileSource":
        if self.is_web:
            check_web_path(self.path, self.format)
        elif self.http:
            raise ValueError("`http` needs a `path` that is a web address")
        return self

    @property
    def is_web(self) -> bool:
        """Whether the path is a web address."""
        return is_web(self.path)

    @property
    def is_parquet(self) -> bool:
        """Whether the files keep their own types."""
        return self.format == "parquet" or (not self.format and file_name(self.path).endswith(".parquet"))

    @property
    def literal_columns(self) -> tuple[str, ...]:
        """The columns of texts in which only an empty cell is missing: keys are among them."""
        texts = [name for name, kind in self.types.items() if kind == "text"] if self.missing is None else []
        return (*self.key, *(texts if self.as_written is None else self.as_written))


Source = Annotated[SqlSource | FileSource, Field(discriminator="kind")]


class AsOf(Spec):
    """The columns of time by which a join looks back."""

    left: Column = Field(description="The row's own moment: a date or a timestamp of the first source")
    right: Column = Field(description="When each row of the other source came to be known")


def _as_of(value: Any) -> Any:
    return {"left": value, "right": value} if isinstance(value, str) else value


class Join(Spec):
    """How one table's rows find their match in another."""

    left: Name = Field(description="The first source")
    right: Name = Field(description="Another source")
    on: Columns = Field((), description="Columns of the same name in both; unique on the right, with `as_of` if stated")
    as_of: Annotated[AsOf | None, BeforeValidator(_as_of)] = Field(
        None,
        description="A column of time in both, or `{left: A, right: B}`: of several matches the newest at or before the"
        " row's own moment",
    )
    tolerance: Duration | None = Field(None, description="How old that match may be; any age when not stated")
    cardinality: Literal["many_to_one", "one_to_one"] = Field(
        "many_to_one", description="Whether several left rows may have the same match"
    )
    max_orphans: Share = Field(0.0, description="Largest share of left rows without a match")
    prefix: str = Field("", pattern=r"^[A-Za-z0-9_]*$", description="Prefix of the right side's columns")

    @model_validator(mode="after")
    def _fits(self) -> "Join":
        if not self.on and not self.as_of:
            raise ValueError("give `on`, `as_of` or both")
        if self.tolerance and not self.as_of:
            raise ValueError("`tolerance` needs `as_of`")
        if self.as_of and self.cardinality == "one_to_one":
            raise ValueError("with `as_of` several left rows may have the same match")
        return self

    @property
    def by(self) -> str:
        """What rows are matched by, for people."""
        times = [f"{self.as_of.left} as of {self.as_of.right}"] if self.as_of else []
        return ", ".join([*self.on, *times])

    def joined_name(self, column: str) -> str:
        """The name that a column of the right side has in the joined rows; empty for one by which rows are matched."""
        both = self.as_of is not None and self.as_of.left == self.as_of.right == column
        return "" if column in self.on or both else self.prefix + column


class Expectation(Spec):
    """One Great Expectations expectation and what happens to rows that fail it."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, WithJsonSchema({"type": "string", "enum": [*ROW_EXPECTATIONS, *TABLE_EXPECTATIONS]})] = Field(
        description="The expectation's name"
    )
    table: Name | None = Field(None, description="The table it checks; the first source when not stated")
    column: Column | None = Field(None, description="The column it checks")
    on_fail: Literal["stop", "quarantine", "warn"] = Field(
        "stop", description="Reject the data, quarantine the rows with their reasons, or note it on the receipt"
    )

    @property
    def arguments(self) -> dict[str, Any]:
        """The expectation's own arguments, as Great Expectations takes them."""
        return {**({"column": self.column} if self.column else {}), **(self.model_extra or {})}

    @property
    def columns(self) -> list[str]:
        """The columns it is about."""
        return [str(self.arguments[key]) for key in COLUMN_ARGUMENTS if key in self.arguments]


class Contract(Spec):
    """What the data must satisfy, and how many rows may break it."""

    quarantine_budget: Share = Field(0.01, description="Largest share of a table's rows that may be quarantined")
    expectations: Annotated[tuple[Expectation, ...], BeforeValidator(tuple)] = Field(
        (), description="Great Expectations expectations, each with what happens when rows fail it"
    )
    leaks: Literal["warn", "stop"] = Field(
        "warn", description="Decides nothing any more: a leak stops a training until it is acknowledged under `leaks`"
    )

    def of(self, table: str, main: str) -> tuple[Expectation, ...]:
        """The expectations about one table."""
        return tuple(each for each in self.expectations if (each.table or main) == table)

    def for_history(self) -> "Contract":
        """The contract for history: rows that break it are left out, and the data is never rejected."""
        lenient = tuple(
            each.model_copy(update={"on_fail": "quarantine" if each.on_fail == "stop" else each.on_fail})
            for each in self.expectations
        )
        return self.model_copy(update={"expectations": lenient, "quarantine_budget": 1.0})


PARTS = ("train", "validation", "test")
Effort = Literal["quick", "normal", "high"]


class Split(Spec):
    """How labelled rows are split into training, validation and test."""

    by: Literal["time", "random", "stratified", "group"] | None = Field(
        None, description="`time` where the source has `partition_by`, else `stratified` by the target, when not stated"
    )
    column: Column | None = Field(
        None,
        description="The date column of `time` (`partition_by` when not stated), or the column of `group`,"
        " which `prepare` may make",
    )
    validation: Cut | None = Field(None, description="Size as 30d, 20% or the first date of the part; 30d or 20%")
    test: Cut | None = Field(None, description="Size as 30d, 20% or the first date of the part; 30d or 20%")
    until: date | None = Field(None, description="Rows from this date on are not used for training; `time` only")
    seed: int = Field(0, ge=0, description="Seed of the random split")

    @model_validator(mode="after")
    def _fits(self) -> "Split":
        if why := self.contradiction():
            raise ValueError(why)
        return self

    def contradiction(self) -> str:
        """What of it contradicts how it splits; empty where nothing does."""
        of_rows = self.by not in (None, "time")
        sizes = [(0.2 if of_rows else 0.0) if each is None else each for each in (self.validation, self.test)]
        if self.by == "group" and not self.column:
            return "a split by group needs `column`"
        if self.by in ("random", "stratified") and self.column:
            return f"a {self.by} split takes no `column`"
        if of_rows and self.until:
            return f"`until` needs a split by time, and this is a {self.by} one"
        if of_rows and not all(isinstance(each, float) for each in sizes):
            return f"a {self.by} split has shares such as 20%; days and dates need one by time, with a `column`"
        if self.by == "time" and "seed" in self.model_fields_set:
            return "a split by time has no `seed`: nothing in it is drawn"
        if sum(each for each in sizes if isinstance(each, float)) >= 1:
            return "validation and test leave no rows for training"
        return ""

    def with_defaults(self, partition_by: str | None) -> "Split":
        """The split with its defaults filled in, for a source partitioned by a column or not."""
        by = self.by or ("time" if self.column or partition_by else "stratified")
        size: int | float = 30 if by == "time" else 0.2
        column = self.column or (partition_by if by == "time" else None)
        sizes = {"validation": self.validation or size, "test": self.test or size}
        # Constructed, so that what the file states stays apart from what it leaves to defaults.
        filled = {**dict(self), "by": by, "column": column, **sizes}
        return Split.model_construct(self.model_fields_set, **filled)
