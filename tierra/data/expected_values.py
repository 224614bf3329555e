"""The values an expectation compares with, in the type of its column: 1 is no "1", and a date is a moment."""

from datetime import date
from typing import Any, Final

import pandas as pd

from tierra.data.spec import Expectation
from tierra.data.spellings import class_name
from tierra.errors import DataRejected

COMPARED: Final = ("min_value", "max_value", "value_set")


def fit_values(expectation: Expectation, frame: pd.DataFrame) -> Expectation:
    """The expectation with its values as the frame's column holds them. Raises DataRejected for those of another type.

    Great Expectations finds none of such values, and an expectation that they are absent would pass.
    """
    arguments = expectation.arguments
    if expectation.column not in frame or "lengths" in expectation.type:
        return expectation
    column = frame[str(expectation.column)]
    fitted = {name: _fit(arguments[name], column, expectation) for name in COMPARED if arguments.get(name) is not None}
    return expectation.model_copy(update=fitted)


def _fit(value: Any, column: pd.Series, expectation: Expectation) -> Any:
    if isinstance(value, list | tuple | set):
        return [_fit(each, column, expectation) for each in value]
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _moment(value, column, expectation)
    number = isinstance(value, int | float)
    if pd.api.types.is_numeric_dtype(column.dtype):  # booleans are
        if number or value is None:
            return value
        raise _refusal(value, column, expectation)
    if number:
        return class_name(value)  # YAML reads a code such as 1 as a number
    if isinstance(value, str) or value is None:
        return value
    raise _refusal(value, column, expectation)


def _moment(value: Any, column: pd.Series, expectation: Expectation) -> pd.Timestamp:
    try:
        if isinstance(value, date | str):
            return pd.Timestamp(value)
    except ValueError:
        pass
    raise _refusal(value, column, expectation)


def _refusal(value: Any, column: pd.Series, expectation: Expectation) -> DataRejected:
    return DataRejected(
        "expectation-type", f"{expectation.type} compares '{column.name}', which holds {column.dtype}, with {value!r}"
    )
