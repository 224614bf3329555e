"""Laws of profiles: how the table was cut does not matter, and what is counted is what is there."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.cases import some_of
from tierra.data.differences import compare_profiles, population_stability
from tierra.data.profile import Profile
from tierra.data.profile_table import profile_table

few = some_of(80)
TYPES = {
    "number": (some.none() | some.floats(), pa.float64()),
    "whole": (some.none() | some.integers(-(2**63), 2**63 - 1), pa.int64()),
    "text": (some.none() | some.text(max_size=4), pa.string()),
    "truth": (some.none() | some.booleans(), pa.bool_()),
    "day": (some.none() | some.integers(-700_000, 2_900_000), pa.date32()),
}


@some.composite
def tables(draw: some.DrawFn) -> pa.Table:
    rows = draw(some.integers(0, 30))
    columns = {}
    for name, (values, kind) in TYPES.items():
        drawn = draw(some.lists(values, min_size=rows, max_size=rows))
        columns[name] = pa.array(drawn, pa.int32()).cast(kind) if name == "day" else pa.array(drawn, kind)
    return pa.table(columns)


@few
@given(tables(), some.integers(1, 7))
def test_a_profile_does_not_depend_on_the_cut(table: pa.Table, size: int) -> None:
    pieces = [table.slice(start, size) for start in range(0, max(table.num_rows, 1), size)]
    one, other = profile_table([table], "t", ()), profile_table(pieces, "t", ())
    rounded = {"mean", "std"}
    for a, b in zip(one.columns, other.columns, strict=True):
        assert a.model_dump(exclude=rounded) == b.model_dump(exclude=rounded)
    assert one.model_dump(exclude={"columns"}) == other.model_dump(exclude={"columns"})


@few
@given(tables())
def test_what_is_counted_is_what_pandas_counts(table: pa.Table) -> None:
    seen = profile_table([table], "t", ())
    for column in seen.columns:
        values = [None if each is None or each != each else each for each in table.column(column.name).to_pylist()]
        present = pd.Series([each for each in values if each is not None], dtype=object)
        assert (column.missing, column.distinct) == (len(values) - len(present), present.nunique())
        assert sum(each.rows for each in column.frequent) == len(present)
    rows = [tuple(None if each is None or each != each else each for each in row.values()) for row in table.to_pylist()]
    assert seen.duplicates == len(rows) - len(set(rows))


@few
@given(some.lists(some.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_the_moments_are_those_of_numpy(values: list[float]) -> None:
    pieces = [pa.table({"x": [each]}) for each in values]
    (seen,) = profile_table(pieces, "t", ()).columns
    assert seen.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
    assert seen.std == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-5)


@few
@given(tables(), tables())
def test_a_profile_survives_json_and_does_not_differ_from_itself(table: pa.Table, other: pa.Table) -> None:
    seen = profile_table([table], "t", ())
    again = Profile.model_validate_json(seen.model_dump_json())
    assert again == seen
    assert compare_profiles(again, seen) == ()
    compare_profiles(seen, profile_table([other], "t", ()))


@few
@given(some.lists(some.integers(0, 99), min_size=2, max_size=9), some.integers(0, 99))
def test_the_stability_index_is_zero_for_the_same_and_never_negative(counts: list[int], seed: int) -> None:
    shares = (np.array(counts) + 1) / (sum(counts) + len(counts))
    other = np.random.default_rng(seed).permutation(shares)
    assert population_stability(shares, shares, (500, 500)) == pytest.approx(0)
    assert population_stability(shares, other, (500, 500)) >= 0
