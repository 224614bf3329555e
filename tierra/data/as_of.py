"""Matches as of a moment: the newest that was known by then, never one of later."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

MICROSECONDS_A_DAY: Final = 86_400_000_000


@dataclass(frozen=True)
class Timed:
    """Rows by a number for each key, -1 for none, and their moments."""

    codes: np.ndarray
    moments: pa.ChunkedArray


def newest_known(left: Timed, right: Timed, tolerance: timedelta | None) -> np.ndarray:
    """For each left row the place of its key's newest right row at or before its moment; -1 where there is none.

    A right row is too old beyond the tolerance. One of a date is known when that day is over,
    where the left side has moments within a day.
    """
    usable = np.flatnonzero((left.codes >= 0) & ~left.moments.is_null().to_numpy())
    over = MICROSECONDS_A_DAY if t.is_date(right.moments.type) and not t.is_date(left.moments.type) else 0
    asked = pd.DataFrame(
        {"code": left.codes[usable], "at": _microseconds(left.moments)[usable], "row": usable}
    ).sort_values("at", kind="stable")
    offered = pd.DataFrame(
        {"code": right.codes, "at": _microseconds(right.moments) + over, "place": np.arange(len(right.codes))}
    ).sort_values("at", kind="stable")
    oldest = tolerance // timedelta(microseconds=1) if tolerance else None
    found = pd.merge_asof(asked, offered, on="at", by="code", tolerance=oldest)
    positions = np.full(len(left.codes), -1)
    positions[found["row"]] = found["place"].fillna(-1).astype(int)
    return positions


def _microseconds(times: pa.ChunkedArray) -> np.ndarray:
    """Moments as whole numbers; 0 for a gap."""
    moments = times.cast(pa.timestamp("us", getattr(times.type, "tz", None)))
    return np.asarray(pc.fill_null(moments.cast(pa.int64()), 0).to_numpy())
