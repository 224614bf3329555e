"""Great Expectations: run one suite over one frame, and report which rows fail."""

import logging
import os
from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from tierra.data.expected_values import fit_values
from tierra.data.spec import Expectation
from tierra.errors import DataRejected, Misconfigured

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
from great_expectations import expectations as gxe

for _name in ("great_expectations", "great_expectations.data_context.types.base"):
    logging.getLogger(_name).setLevel(logging.ERROR)
# Parallel contexts in one process clash, so there is one, used by one thread at a time.
_lock = Lock()
QUICK = {"result_format": "BOOLEAN_ONLY"}
COMPLETE = {"result_format": "COMPLETE", "include_unexpected_rows": False}


def failing_rows(frame: pd.DataFrame, expectations: Sequence[Expectation]) -> list[np.ndarray]:
    """The positions of the rows that fail, one array an expectation, in order."""
    if not expectations or frame.empty:
        return [np.array([], dtype=np.int64) for _ in expectations]
    frame = _without_masks(_by_the_clock(frame.reset_index(drop=True)))
    expectations = [fit_values(each, frame) for each in expectations]
    with _lock:
        batch = _definition().get_batch(batch_parameters={"dataframe": frame})
        suite = gx.ExpectationSuite(name="contract")
        for number, each in enumerate(expectations):
            suite.add_expectation(_build(each, number))
        quick = batch.validate(suite, result_format=QUICK)
        passed = {result.expectation_config.meta["number"]: result.success for result in quick.results}
        return [
            np.array([], dtype=np.int64) if passed[number] else _positions(batch, each)
            for number, each in enumerate(expectations)
        ]


def check_arguments(expectation: Expectation) -> None:
    """Raise Misconfigured when Great Expectations would refuse the arguments."""
    _build(expectation, 0)


def _build(expectation: Expectation, number: int) -> Any:
    name = "".join(part.capitalize() for part in expectation.type.split("_"))
    try:
        return getattr(gxe, name)(**expectation.arguments, meta={"number": number})
    except (ValueError, TypeError) as error:
        message = next((line for line in reversed(str(error).splitlines()) if "http" not in line), str(error))
        raise Misconfigured("expectation-invalid", f"{expectation.type}: {message.strip()}") from None


def _without_masks(frame: pd.DataFrame) -> pd.DataFrame:
    """Whole numbers and booleans without a gap as numpy's: the same values and texts, in half the time."""
    plain = {"Int64": "int64", "boolean": "bool"}
    whole = {name: plain[str(kind)] for name, kind in frame.dtypes.items()
             if str(kind) in plain and not frame[name].isna().any()}  # fmt: skip
    return frame.astype(whole) if whole else frame


def _by_the_clock(frame: pd.DataFrame) -> pd.DataFrame:
    """Instants as the clock of their zone shows them, so that they compare with the dates of a project file."""
    zoned = [name for name, kind in frame.dtypes.items() if isinstance(kind, pd.DatetimeTZDtype)]
    return frame.assign(**{name: frame[name].dt.tz_localize(None) for name in zoned}) if zoned else frame


def _positions(batch: Any, expectation: Expectation) -> np.ndarray:
    result = batch.validate(_build(expectation, 0), result_format=COMPLETE).to_json_dict()
    if message := _raised(result.get("exception_info") or {}):
        raise DataRejected("expectation-type", f"{expectation.type} cannot read '{expectation.column}': {message}")
    return np.array(result["result"]["unexpected_index_list"], dtype=np.int64)


def _raised(info: dict[str, Any]) -> str:
    """The first line of the error that an expectation, or one of its metrics, raised."""
    messages = (each.get("exception_message") for each in (info, *info.values()) if isinstance(each, dict))
    return next((str(message).splitlines()[0] for message in messages if message), "")


@cache
def _definition() -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")
