"""The numbers that a model's preprocessing makes of features."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from tierra.model.artifact import inner_model


def encode_row(model: Any, features: pd.DataFrame) -> dict[str, float]:
    """The encoded features of one row by name, zeros left out; nothing of a model without such a step.

    Of an average it is the encoding of its first model that has one.
    """
    inner = inner_model(model)
    pipeline = next((each for each in [inner, *getattr(inner, "models", ())] if isinstance(each, Pipeline)), None)
    if pipeline is None:
        return {}
    encoder = pipeline.named_steps["prepare"]
    try:
        names = encoder.get_feature_names_out()
    except (AttributeError, ValueError):  # a step that names nothing, such as flags of outliers
        return {}
    made = encoder.transform(features)
    values = np.asarray(made.toarray() if hasattr(made, "toarray") else made, float)[0]
    return {str(name): float(value) for name, value in zip(names, values, strict=True) if value}
