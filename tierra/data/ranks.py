"""Quantiles and outliers of numbers in order."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as t

from tierra.data.counting import as_integers
from tierra.data.profile import Kind

FAR_OUT = 3.0


def ordered_numbers(sample: pa.ChunkedArray, kind: Kind) -> np.ndarray:
    """The sample's finite numbers in order; dates as seconds since 1970."""
    if kind in ("text", "boolean"):
        return np.empty(0)
    present = as_integers(pc.drop_null(sample))
    unit = 1.0 if kind == "number" else 86_400.0 if t.is_date(sample.type) else 1e-6
    values = present.cast(pa.float64(), safe=False).to_numpy() * unit
    return np.sort(values[np.isfinite(values)])


def outer_fences(numbers: np.ndarray) -> tuple[tuple[float, float] | None, float]:
    """Tukey's outer fences and the share outside them; none where half of all values are one."""
    if not len(numbers):
        return None, 0.0
    low, high = (float(each) for each in np.quantile(numbers, [0.25, 0.75]))
    reach = FAR_OUT * (high - low)
    if not 0 < reach < math.inf:
        return None, 0.0
    fences = (low - reach, high + reach)
    return fences, float(((numbers < fences[0]) | (numbers > fences[1])).mean())


def quantiles(numbers: np.ndarray, ranks: int) -> tuple[float, ...]:
    """The values at `ranks` evenly spaced ranks, or all of them when there are fewer."""
    if len(numbers) > ranks:
        numbers = numbers[np.linspace(0, len(numbers) - 1, ranks).round().astype(int)]
    return tuple(float(f"{number:.9g}") for number in numbers)


def finite_or_none(value: float) -> float | None:
    """The number; None when it is infinite or NaN, which JSON has no word for."""
    return float(value) if math.isfinite(value) else None
