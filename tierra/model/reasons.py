"""The reasons of predictions as text: what the features that matter most contribute, and the rest, so that it adds up.

`{"of": "probability", "bias": 0.21, "features": {"dep_hour": 0.13, "weekday": -0.02}, "others": 0.01}`: bias, features
and others add up to the column that `of` names.
"""

import json
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tierra.data.labels import Labels
from tierra.errors import Broken, Misconfigured
from tierra.model.artifact import Predictions, predict
from tierra.model.contributions import contribute

EXACT: Final = 1e-9
DIGITS: Final = 12
CELLS: Final = 8_000_000  # contributions held at once, 64 MB
LEAST: Final = 1000


def reasons_of(model: Any, table: Any, predictions: Predictions, labels: Labels, count: int) -> pa.Array:
    """The reasons of each prediction, of several classes those of the likeliest. Raises Misconfigured and Broken."""
    size = max(CELLS // (len(table.columns) * max(len(labels.classes), 1)), LEAST)
    texts = []
    for start in range(0, len(table), size):
        rows = slice(start, start + size)
        texts += _reasons_of(model, table.iloc[rows], predictions.take(rows), labels, count)
    return pa.array(texts, pa.string())


def _reasons_of(model: Any, table: Any, predictions: Predictions, labels: Labels, count: int) -> list[str]:
    given = contribute(model, table)
    chosen, score, columns = _explained(model, predictions, labels)
    parts = given.parts[np.arange(len(chosen)), :, chosen]
    start = given.start[chosen]
    far = np.abs(start + parts.sum(axis=1) - score)
    if not (far <= EXACT * np.maximum(1.0, np.abs(score))).all():
        raise Broken("agreement-broken", f"reasons do not add up to the score, by up to {far.max():.3g}")
    return _texts(given.features, start.round(DIGITS), parts.round(DIGITS), score, columns, count)


def explain_row(model: Any, row: Any, labels: Labels) -> dict[str, float]:
    """What the bias and each feature contribute to the prediction of one row, the largest first.

    Of several classes it is the likeliest. Nothing of a model that has no such reasons.
    """
    try:
        (text,) = reasons_of(model, row, predict(model, row, labels), labels, len(row.columns) + 1).to_pylist()
    except Misconfigured:
        return {}
    said = json.loads(text)
    return {"bias": said["bias"], **said["features"]}


def _explained(model: Any, predictions: Predictions, labels: Labels) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Which output of the model is explained, its value, and the column that holds it."""
    rows = len(predictions.scores)
    if labels.task != "multiclass":
        column = "prediction" if labels.task == "regression" else "probability"
        return np.zeros(rows, int), predictions.scores, [column] * rows
    code = predictions.decision.astype(int)
    columns = [f"probability_{labels.classes[each]}" for each in code]
    return np.searchsorted(model.classes_, code), predictions.scores[np.arange(rows), code], columns


def _texts(
    features: tuple[str, ...], start: np.ndarray, parts: np.ndarray, score: np.ndarray, columns: list[str], count: int
) -> list[str]:
    most = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :count]
    top = np.take_along_axis(parts, most, axis=1)
    others = score - start - top.sum(axis=1)
    names, quoted = [_quoted(each) for each in features], {each: _quoted(each) for each in set(columns)}
    lines = zip(columns, start.tolist(), most.tolist(), top.tolist(), others.tolist(), strict=True)
    return [
        f'{{"of": {quoted[column]}, "bias": {bias!r}, "features": {{'
        + ", ".join(f"{names[place]}: {value!r}" for place, value in zip(places, values, strict=True))
        + f'}}, "others": {rest!r}}}'
        for column, bias, places, values, rest in lines
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
