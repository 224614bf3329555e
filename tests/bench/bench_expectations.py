"""Fifteen expectations over a year of flights."""

import pyarrow as pa
import pytest

from tests.bench.flights import read_flights
from tests.bench.measure import here, hold, interleaved, show
from tierra.data.contract import Findings, check_rows
from tierra.data.spec import Expectation
from tierra.store.tables import ROWS_A_GROUP

GOAL = 0.3
# A busy machine takes half as much again.
LIMIT = 0.6
RANGES = {"month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "distance": (1, 6_000),
          "sched_dep_time": (0, 2_359), "sched_arr_time": (0, 2_359)}  # fmt: skip
SETS = {"origin": ["EWR", "JFK", "LGA"], "year": [2013]}
PRESENT = ("carrier", "flight", "origin", "dest", "distance", "time_hour")


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    return pa.Table.from_pandas(read_flights(), preserve_index=False)


def fifteen() -> tuple[Expectation, ...]:
    ranges = [Expectation(type="expect_column_values_to_be_between", column=column, min_value=least, max_value=most)
              for column, (least, most) in RANGES.items()]  # fmt: skip
    sets = [Expectation(type="expect_column_values_to_be_in_set", column=column, value_set=values)
            for column, values in SETS.items()]  # fmt: skip
    present = [Expectation(type="expect_column_values_to_not_be_null", column=column) for column in PRESENT]
    return (*ranges, *sets, *present)


def check(batches: list[pa.Table]) -> Findings:
    findings = Findings("flights", fifteen())
    for batch in batches:
        check_rows(batch, findings)
    return findings


def test_fifteen_expectations_over_a_year_of_flights(flights: pa.Table) -> None:
    groups = [flights.slice(start, ROWS_A_GROUP) for start in range(0, flights.num_rows, ROWS_A_GROUP)]
    assert len(fifteen()) == 15
    assert check(groups) == check([flights])
    broken = Findings("flights", (Expectation(type="expect_column_values_to_be_between", column="day", max_value=30),))
    check_rows(flights, broken)
    assert broken.failed == {0: 6_190}
    costs = interleaved(
        {"one table": lambda: here(lambda: check([flights])), "group by group": lambda: here(lambda: check(groups))}
    )
    show(f"15 expectations, {flights.num_rows:,} rows, imports aside", costs)
    hold("15 expectations, one table, CPU", costs["one table"].cpu, GOAL, LIMIT, " s")
    hold("15 expectations, group by group, CPU", costs["group by group"].cpu, GOAL, LIMIT, " s")
