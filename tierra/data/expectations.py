"""The expectations a contract may use, by name, without importing Great Expectations.

Row expectations report which rows fail, so those rows can be quarantined; they
are run batch by batch. Table expectations are counted over the whole table.
"""

from typing import Final

ROW_EXPECTATIONS: Final[dict[str, tuple[str, ...]]] = {
    "expect_column_values_to_not_be_null": (),
    "expect_column_values_to_be_null": (),
    "expect_column_values_to_be_between": (),
    "expect_column_values_to_be_in_set": ("value_set",),
    "expect_column_values_to_not_be_in_set": ("value_set",),
    "expect_column_values_to_match_regex": ("regex",),
    "expect_column_values_to_not_match_regex": ("regex",),
    "expect_column_value_lengths_to_be_between": (),
    "expect_column_value_lengths_to_equal": ("value",),
    "expect_column_pair_values_a_to_be_greater_than_b": ("column_A", "column_B"),
    "expect_column_pair_values_to_be_equal": ("column_A", "column_B"),
}
TABLE_EXPECTATIONS: Final[dict[str, tuple[str, ...]]] = {
    "expect_table_row_count_to_be_between": (),
    "expect_column_values_to_be_unique": ("column",),
}
COLUMN_ARGUMENTS: Final = ("column", "column_A", "column_B")


def required_arguments(name: str) -> tuple[str, ...] | None:
    """The required arguments of an expectation; None when it is not supported."""
    required = ROW_EXPECTATIONS.get(name, TABLE_EXPECTATIONS.get(name))
    if required is None:
        return None
    return required if "pair" in name or name in TABLE_EXPECTATIONS else ("column", *required)
