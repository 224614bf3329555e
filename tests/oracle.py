"""What a champion says of rows: its fitted pipeline applied by plain code to the source's own values.

Nothing here reads, joins, casts or encodes with Tierra: what is published must be these numbers.
"""

from typing import Any

import numpy as np
import pandas as pd

from tierra.workspace import open_workspace

CALENDAR = ("year", "month", "day", "weekday", "hour")


def load_champion(project: str) -> Any:
    """The registered model, with its preprocessing and threshold."""
    champions = open_workspace().champions
    champion = champions.current(project)
    assert champion
    return champions.load(champion)


def says(model: Any, features: pd.DataFrame, rate_by: dict[str, pd.Series] | None = None) -> np.ndarray:
    """The number a model gives each row: of two classes the probability of the second, of none the number itself."""
    table = pd.DataFrame({name: column for each in features for name, column in _plain(each, features[each])})
    for name, values in (rate_by or {}).items():
        table[f"rule__{name}"] = values.map(_text, na_action="ignore").astype("str")
    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(table))
    probabilities = model.predict_proba(table)
    return np.asarray(probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities)


def _plain(name: str, values: pd.Series) -> list[tuple[str, pd.Series]]:
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return [(f"{name}_{part}", getattr(values.dt, part).astype(float)) for part in CALENDAR]
    number = pd.api.types.is_numeric_dtype(values.dtype)
    return [(name, values.astype(float) if number else values.map(_text, na_action="ignore").astype("str"))]


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)
