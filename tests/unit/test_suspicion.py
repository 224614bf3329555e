"""Labels that a model which has not seen them finds unlikely, and rows that contradict each other."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cases import each
from tierra.data.labels import Labels
from tierra.errors import InvalidCall
from tierra.model.suspicion import contradictions, says, suspicion_of
from tierra.steps.relabel import read_corrections

NUMBER = Labels(task="regression", classes=())
THREE = Labels(task="multiclass", classes=("a", "b", "c"))


def test_the_more_unlikely_a_label_the_more_suspicious() -> None:
    def ranked(scores: list[object], target: list[float], labels: Labels, order: list[int], said: list[object]) -> None:
        found = suspicion_of(np.array(scores, float), np.array(target, float), labels)
        assert list(np.argsort(-found)) == order
        assert list(says(np.array(scores, float), labels)) == said

    each(
        [
            ([0.9, 0.2, 0.6], [1, 1, 0], Labels(classes=("no", "yes")), [1, 2, 0], ["yes", "no", "yes"]),
            ([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], [0, 1], THREE, [1, 0], ["a", "c"]),
            ([10, 20, 30, 40], [11, 20, 90, 37], NUMBER, [2, 3, 0, 1], [10, 20, 30, 40]),
        ],
        ranked,
    )


def test_numbers_are_suspicious_by_how_far_they_lie_beyond_the_usual() -> None:
    scores = np.arange(100.0)
    apart = np.random.default_rng(0).normal(0, 5, 100)
    found = suspicion_of(scores, scores + apart, NUMBER)
    assert np.allclose(found, suspicion_of(1000 * scores, 1000 * (scores + apart), NUMBER))
    assert 0.4 < np.median(found) < 0.9


def test_rows_with_the_same_features_and_other_labels_name_each_other() -> None:
    features = pd.DataFrame({"x": [1.0, 1.0, None, None, 2.0, 1.0], "zone": ["A", "A", None, None, "A", "A"]})
    assert contradictions(features, np.array([0, 1, 1, 1, 0, 0]), 0.0) == {0: [1], 1: [0, 5], 5: [1]}
    # Numbers always differ a little: only what is more than usual contradicts.
    assert contradictions(features, np.array([5.0, 5.2, 7.0, 9.0, 1.0, 5.1]), 0.5) == {2: [3], 3: [2]}


def test_a_corrected_number_is_a_finite_one(tmp_path: Path) -> None:
    rows: Any = SimpleNamespace(key_names=["id"], keys=np.array(["a"]), parts=SimpleNamespace(labels=NUMBER))
    file = tmp_path / "c.csv"
    file.write_text("id,corrected\na,1.5\n")
    assert read_corrections(rows, file) == {0: 1.5}
    for text in ("nan", "inf", "many"):
        file.write_text(f"id,corrected\na,{text}\n")
        with pytest.raises(InvalidCall, match=f"row a: '{text}' is no number"):
            read_corrections(rows, file)
