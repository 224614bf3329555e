"""A model that does not say the same of the same rows is refused, and so are bytes that are none of ours."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cases import each
from tierra.data.labels import Labels
from tierra.errors import Broken
from tierra.model import artifact
from tierra.model.artifact import check_agreement, load_model, predict

TABLE = pd.DataFrame({"x": [0.1, 0.9, 0.4, 0.7]})
NUMBER = Labels(task="regression", classes=())
THREE = Labels(task="multiclass", classes=("a", "b", "c"))
Values = Callable[[pd.DataFrame], Any]


class Odd:
    """Says what a function makes of a table, as a number and as a probability."""

    threshold = 0.5

    def __init__(self, values: Values) -> None:
        self._values = values

    def predict(self, table: pd.DataFrame) -> np.ndarray:
        return np.asarray(self._values(table), float)

    def predict_proba(self, table: pd.DataFrame) -> np.ndarray:
        return np.column_stack([1 - self.predict(table), self.predict(table)])


def plain(table: pd.DataFrame) -> Any:
    return table["x"]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Makes the model that comes back from its bytes."""
    monkeypatch.setattr(artifact, "dump_model", lambda *_: b"bytes")
    return lambda model: monkeypatch.setattr(artifact, "load_model", lambda *_: model)


def test_a_model_agrees_with_itself_kept_shuffled_and_row_by_row_or_is_refused(kept: Callable[[Any], None]) -> None:
    def refused(served: Values, again: Values, labels: Labels, message: str) -> None:
        kept(Odd(again))
        with pytest.raises(Broken, match=rf"^{message}.*agreement-broken"):
            check_agreement(Odd(served), TABLE, labels)

    def nearly(table: pd.DataFrame) -> Any:
        return table["x"] + 1e-15

    def by_batch(table: pd.DataFrame) -> Any:
        return table["x"] * (len(table) > 1)

    def by_place(table: pd.DataFrame) -> Any:
        return table["x"] + np.arange(len(table)) * 1e-9

    for labels in (NUMBER, Labels()):
        kept(Odd(plain))
        check_agreement(Odd(plain), TABLE, labels)
        each(
            [
                (plain, nearly, labels, "the round trip changes predictions, by up to"),
                (by_place, by_place, labels, "row order changes predictions, by up to"),
                (by_batch, by_batch, labels, "a row alone changes predictions, by up to 0.9"),
            ],
            refused,
        )


def test_differences_of_the_last_bits_are_none_but_in_what_was_kept(kept: Callable[[Any], None]) -> None:
    def last_bits(table: pd.DataFrame) -> Any:
        return table["x"] * (1 + 1e-14 * (len(table) > 1))

    kept(Odd(last_bits))
    for labels in (NUMBER, Labels()):
        check_agreement(Odd(last_bits), TABLE, labels)


def test_no_rows_have_no_predictions_in_the_shape_of_the_task() -> None:
    none = TABLE.head(0)
    for labels, shape, kind in ((Labels(), (0,), "int8"), (THREE, (0, 3), "int8"), (NUMBER, (0,), "float64")):
        found = predict(Odd(plain), none, labels)
        assert (found.scores.shape, found.decision.shape, str(found.decision.dtype)) == (shape, (0,), kind)


def test_bytes_that_are_no_model_are_refused() -> None:
    data = b"no model"
    with pytest.raises(Broken, match=r"^here: sha256 is .*artifact-tampered"):
        load_model(data, "0" * 64, "here")
    with pytest.raises(Broken, match=r"^here is not a readable model: \w+.*artifact-unsafe"):
        load_model(data, hashlib.sha256(data).hexdigest(), "here")
