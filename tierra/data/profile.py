"""Profiles of tables, and differences between them: small values stored beside a model."""

from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["notable", "strong"]
Kind = Literal["number", "text", "boolean", "date"]


class _Profiled(BaseModel):
    model_config = ConfigDict(frozen=True)


class ValueCount(_Profiled):
    """A value as text, cut when long, and the number of rows that have it."""

    value: str
    rows: int


class ColumnProfile(_Profiled):
    """One column: exact figures are counted over all rows, the rest come from a sample.

    `quantiles` are values at evenly spaced ranks, so that any binning can be
    evaluated later; dates are seconds since 1970 there. `outliers` is the share
    outside Tukey's far-out fences, three interquartile ranges beyond the quartiles.
    """

    name: str
    type: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    distinct_exact: bool = True
    minimum: int | float | str | None = None
    maximum: int | float | str | None = None
    mean: float | None = None
    std: float | None = None
    infinite: int = 0
    sampled: int = 0
    quantiles: tuple[float, ...] = ()
    fences: tuple[float, float] | None = None
    outliers: float = 0.0
    frequent: tuple[ValueCount, ...] = ()
    frequent_exact: bool = True

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @property
    def missing_share(self) -> float:
        """The share of rows without a value."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def complete(self) -> bool:
        """Whether `frequent` names every value there is."""
        return self.distinct_exact and self.frequent_exact and len(self.frequent) == self.distinct


class Correlations(_Profiled):
    """Correlations of columns: Pearson's r between numbers, else the correlation ratio or Cramér's V (0 to 1)."""

    columns: tuple[str, ...] = ()
    values: tuple[tuple[float | None, ...], ...] = ()


class Profile(_Profiled):
    """A table: its rows, columns, correlations, and rows that are equal in all but the key.

    `sampled` rows gave quantiles, outliers and correlations. `duplicates` is None
    when the table has no columns but the key.
    """

    name: str
    rows: int
    sampled: int
    key: tuple[str, ...] = ()
    columns: tuple[ColumnProfile, ...] = ()
    correlations: Correlations = Correlations()
    duplicates: int | None = None
    duplicates_exact: bool = True

    @cached_property
    def by_name(self) -> dict[str, ColumnProfile]:
        """The columns by their name."""
        return {each.name: each for each in self.columns}


class Difference(_Profiled):
    """One change in one column, in a sentence; the larger `size`, the larger the change."""

    column: str
    what: str
    severity: Severity
    psi: float | None = None
    size: float = 0.0
