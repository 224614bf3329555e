"""The demos' published numbers are those that plain code gets of the champion and the source's own values."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.direct import score_directly, train_directly
from tests.oracle import load_champion, says
from tierra.store.predictions import read_published
from tierra.workspace import open_workspace


@pytest.mark.long
@pytest.mark.parametrize(
    ("project", "file", "key", "target"),
    [("house_prices", "ames.csv", "sale", "Sale_Price"), ("handwritten_digits", "digits.csv", "image", "digit")],
)
def test_every_published_number_is_what_the_pipeline_says_of_the_file(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, project: str, file: str, key: str, target: str
) -> None:
    monkeypatch.setenv("TIERRA_PROJECTS", str(ROOT / "projects"))
    monkeypatch.setattr("tierra.model.importance.SECONDS", 0.0)
    importlib.import_module(f"projects.{project}.demo").load(workspace)
    train_directly(project)
    end, _ = score_directly(project)
    sink = open_workspace().sink(open_workspace().project(project))
    published = read_published(sink, end.partitions[0].partition).to_pandas().astype({key: str}).set_index(key)
    rows = pd.read_csv(ROOT / "projects" / project / "data" / file, dtype={key: str}).set_index(key)
    assert sorted(published.index) == sorted(rows.index)
    rows = rows.loc[published.index]
    expected = says(load_champion(project), rows.drop(columns=target))
    numbers = published[[name for name in published if name.partition("_")[0] in ("probability", "prediction")]]
    numbers = numbers.drop(columns=["prediction_low", "prediction_high"], errors="ignore").to_numpy(float)
    assert np.allclose(numbers.squeeze(), expected, rtol=1e-12, atol=0)
