"""The contract: rows set aside with reasons, a budget, and expectations that stop."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from tierra.data.contract import REASON, Findings, check_rows, check_table, enforce_contract
from tierra.data.frames import UNREAD
from tierra.data.spec import Contract, Expectation
from tierra.errors import DataRejected

RIDES = pa.table({"ride": [1, 2, 3, 4], "km": [2.0, -1.0, None, 900.0], "zone": ["A", "Z", "B", "Z"]})
FAR = {"type": "expect_column_values_to_be_between", "column": "km", "min_value": 0, "max_value": 100}
KNOWN = {"type": "expect_column_values_to_be_in_set", "column": "zone", "value_set": ["A", "B"]}
UNIQUE = {"type": "expect_column_values_to_be_unique", "column": "zone"}


def contract(*expectations: dict[str, Any], budget: float = 1.0, on_fail: str = "quarantine") -> Contract:
    return Contract(
        quarantine_budget=budget, expectations=[Expectation(**{"on_fail": on_fail, **each}) for each in expectations]
    )


def check(declared: Contract, *batches: pa.Table, ignore: tuple[str, ...] = ()) -> tuple[pa.Table, pa.Table, Findings]:
    findings = Findings("rides", declared.expectations)
    pieces = [check_rows(batch, findings, ignore) for batch in batches or [RIDES]]
    check_table(batches or [RIDES], findings)
    clean, bad = (pa.concat_tables(each) for each in zip(*pieces, strict=True))
    return clean, bad, findings


def test_a_quarantined_row_carries_every_reason() -> None:
    clean, bad, findings = check(contract(FAR, KNOWN))
    assert clean.column("ride").to_pylist() == [1, 3]
    assert bad.column("ride").to_pylist() == [2, 4]
    both = "km column_values_to_be_between (min_value=0, max_value=100); "
    assert bad.column(REASON)[0].as_py() == both + "zone column_values_to_be_in_set (value_set=['A', 'B'])"
    assert (findings.rows, findings.quarantined) == (4, 2)


def test_a_gap_breaks_only_an_expectation_about_gaps() -> None:
    _, bad, _ = check(contract({"type": "expect_column_values_to_not_be_null", "column": "km"}))
    assert bad.column("ride").to_pylist() == [3]
    assert 3 in check(contract(FAR))[0].column("ride").to_pylist()


def test_batches_are_counted_together() -> None:
    _, bad, findings = check(contract(FAR, KNOWN), *(RIDES.slice(row, 1) for row in range(4)))
    assert (bad.num_rows, findings.rows, findings.failed, findings.quarantined) == (2, 4, {0: 2, 1: 2}, 2)
    unread = [RIDES.slice(row, 1).append_column(UNREAD, pa.array(["km: 'n.d.'"])) for row in range(3)]
    found = check(contract(), *unread)[2]
    assert (found.rows, found.unread, found.quarantined) == (3, 3, 3)


def test_the_budget_is_a_limit_that_may_be_reached() -> None:
    enforce_contract(check(contract(FAR, budget=0.5))[2], contract(FAR, budget=0.5))
    with pytest.raises(DataRejected, match=r"2 of 4 rows quarantined, 50.00%, budget 49.00%.*budget-exceeded"):
        enforce_contract(check(contract(FAR))[2], contract(FAR, budget=0.49))


def test_an_expectation_that_stops_names_its_rows() -> None:
    declared = contract(FAR, on_fail="stop")
    clean, bad, findings = check(declared)
    assert (clean.num_rows, bad.num_rows) == (4, 0)
    with pytest.raises(DataRejected, match=r"rides: km .*: 2 of 4 rows fail.*expectation-failed"):
        enforce_contract(findings, declared)


def test_a_warning_keeps_the_rows_and_is_said() -> None:
    declared = contract(KNOWN, on_fail="warn")
    clean, _, findings = check(declared)
    enforce_contract(findings, declared)
    assert clean.num_rows == 4
    assert ["2 of 4 rows fail" in line for line in findings.failures("warn")] == [True]


def test_values_repeated_across_batches_break_uniqueness() -> None:
    findings = check(contract(UNIQUE, on_fail="stop"), RIDES.slice(0, 2), RIDES.slice(2, 2))[2]
    assert findings.failures("stop") == ["zone column_values_to_be_unique: 1 of 4 rows fail"]


@pytest.mark.parametrize(
    ("bounds", "broken"),
    [({"min_value": 4}, False), ({"min_value": 5}, True), ({"max_value": 4}, False), ({"max_value": 3}, True)],
)
def test_the_row_count_is_of_the_whole_table(bounds: dict[str, int], broken: bool) -> None:
    declared = contract({"type": "expect_table_row_count_to_be_between", **bounds}, on_fail="stop")
    assert bool(check(declared, RIDES.slice(0, 3), RIDES.slice(3))[2].failed) is broken


def test_what_is_not_known_yet_is_passed_over_when_scoring() -> None:
    _, bad, _ = check(contract(FAR, KNOWN), ignore=("zone",))
    assert bad.column("ride").to_pylist() == [2, 4]
    assert "zone" not in bad.column(REASON)[0].as_py()


def test_history_drops_what_breaks_the_contract_and_refuses_nothing() -> None:
    lenient = contract(FAR, on_fail="stop", budget=0.0).for_history()
    clean, _, findings = check(lenient)
    enforce_contract(findings, lenient)
    assert clean.column("ride").to_pylist() == [1, 3]


def test_an_expectation_that_cannot_read_a_column_says_so() -> None:
    with pytest.raises(DataRejected, match=r"cannot read 'zone'.*expectation-type"):
        check(contract({**FAR, "column": "zone"}))


def test_an_empty_batch_breaks_nothing() -> None:
    clean, bad, findings = check(contract(FAR, KNOWN), RIDES.slice(0, 0))
    assert (clean.num_rows, bad.num_rows, findings.failed) == (0, 0, {})


def test_a_row_with_a_cell_that_cannot_be_read_is_set_aside_with_its_value_and_counts_for_the_budget() -> None:
    rows = RIDES.append_column(UNREAD, pa.array([None, None, "km: 'n.d.'", None]))
    clean, bad, findings = check(contract(budget=0.25), rows)
    assert (clean.column_names, clean.column("ride").to_pylist()) == (RIDES.column_names, [1, 2, 4])
    assert bad.to_pylist() == [{"ride": 3, "km": None, "zone": "B", REASON: "cannot be read: km: 'n.d.'"}]
    enforce_contract(findings, contract(budget=0.25))
    with pytest.raises(DataRejected, match=r"1 of 4 rows have a cell that cannot be read.*\[budget-exceeded\]"):
        enforce_contract(findings, contract(budget=0.24))


def test_an_expectation_compares_with_values_of_its_column_s_type() -> None:
    days = pa.table({"day": pa.array([date(2024, 4, 1), date(2024, 4, 2)]), "code": ["1", "X"], "n": [1, 2]})
    instants = days.column("day").cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "Europe/Madrid"))
    days = days.append_column("at", instants)

    def failing(column: str, kind: str = "to_not_be_in_set", **values: Any) -> list[int]:
        expected = {"type": f"expect_column_values_{kind}", "column": column, **values}
        return check(contract(expected), days)[1].column("n").to_pylist()

    assert failing("day", value_set=[date(2024, 4, 1)]) == failing("day", value_set=["2024-04-01"]) == [1]
    assert failing("day", "to_be_between", min_value="2024-04-02") == [1]
    assert failing("at", "to_be_between", min_value=date(2024, 4, 2)) == [1]
    assert failing("code", "to_be_in_set", value_set=[1]) == [2]
    with pytest.raises(DataRejected, match=r"'n', which holds int64, with '1'.*\[expectation-type\]"):
        failing("n", value_set=["1"])


def test_a_gap_makes_no_decimal_point_of_a_whole_number() -> None:
    regex = {"type": "expect_column_values_to_match_regex", "column": "n", "regex": "^[12]$"}
    clean, bad, _ = check(contract(regex), pa.table({"n": [1, 2, None]}))
    assert (clean.num_rows, bad.num_rows) == (3, 0)
