"""Decisions with an abstain band, and intervals, published and read back on every sink."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import CLOCK, ride_spec, rides, write_project
from tests.direct import score_directly, train_directly
from tierra.errors import Misconfigured
from tierra.journal import Warned
from tierra.reading import read_table
from tierra.steps.replay import replay_partition
from tierra.workspace import open_workspace

DAY, EARLIER, BEFORE = "2024-04-28", "2024-04-27", "2024-04-26"
REVIEW = {"review": {"share": "20%"}, "calibration": "sigmoid"}


def added_up(row: dict[str, Any]) -> float:
    """By how much the reasons of a published row miss the column that they explain."""
    said = json.loads(row["reasons"])
    return float(said["bias"] + sum(said["features"].values()) + said["others"] - row[said["of"]])


def test_reasons_and_rows_for_a_person_are_published_and_replayed_on_every_sink(
    sink_key: dict[str, str], workspace: Path
) -> None:
    candidates = [{"rule": "base_rate"}, {"model": "logistic"},
                  {"model": "hist_gradient_boosting", "params": {"max_iter": 10}},
                  {"average": ["logistic", "hist_gradient_boosting"]}]  # fmt: skip
    score = {"lookback": "2d", "sink": sink_key, "reasons": 2}
    write_project(workspace / "projects" / "rides", ride_spec(decision=REVIEW, score=score, candidates=candidates))
    train_directly("rides")
    score_directly("rides", DAY)
    published = read_table("rides", DAY)
    assert published.column_names == ["ride_id", "probability", "decision", "reasons"]
    assert max(abs(added_up(row)) for row in published.to_pylist()) < 1e-9
    assert {len(json.loads(each)["features"]) for each in published["reasons"].to_pylist()} == {2}
    workspace_ = open_workspace()
    assert replay_partition(workspace_, workspace_.project("rides"), DAY).equal
    decisions, probability = published["decision"].to_pylist(), published["probability"].to_numpy()
    assert set(decisions) == {"no", "yes", "review"}
    left = np.array([each == "review" for each in decisions])
    assert np.ptp(probability[left]) < np.ptp(probability)
    assert not ((probability[~left] > probability[left].min()) & (probability[~left] < probability[left].max())).any()


def test_numbers_are_published_with_the_ends_of_their_interval_on_every_sink(
    sink_key: dict[str, str], workspace: Path
) -> None:
    table = rides().assign(tipped=lambda rows: rows["km"] * 3 + rows["rain"] + np.sin(rows.index))
    spec = ride_spec(
        decision={"interval": "90%"}, score={"lookback": "2d", "sink": sink_key, "reasons": 3},
        candidates=[{"rule": "base_rate"}, {"model": "ridge"}], gate={"metric": "rmse"},
    )  # fmt: skip
    write_project(workspace / "projects" / "rides", spec, table)
    trained, _ = train_directly("rides")
    assert trained.champion.candidate == "ridge"
    score_directly("rides", DAY)
    published = read_table("rides", DAY)
    assert published.column_names == ["ride_id", "prediction", "prediction_low", "prediction_high", "reasons"]
    assert max(abs(added_up(row)) for row in published.to_pylist()) < 1e-9
    middle, low, high = (published[name].to_numpy() for name in published.column_names[1:4])
    assert np.allclose(high - middle, middle - low)
    assert np.ptp(high - low) < 1e-9 < (high - low).min()


def test_a_table_of_numbers_takes_no_names_and_says_so_in_one_line(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    monkeypatch.setenv("TIERRA_CONNECTIONS__SINK__URL", f"sqlite:///{workspace / 'sink.db'}")
    score = {"lookback": "2d", "sink": {"kind": "sql", "connection": "sink"}}
    folder = workspace / "projects" / "rides"
    write_project(folder, ride_spec(score=score, candidates=[{"rule": "base_rate"}]))
    train_directly("rides")
    score_directly("rides", DAY)
    write_project(folder, ride_spec(score=score, decision=REVIEW))
    scored, scored_journal = score_directly("rides", EARLIER)
    assert scored.outcome == "Published", "the champion has no band yet"
    assert any("decision was edited" in warned.text for warned in scored_journal.facts(Warned))
    train_directly("rides")
    with pytest.raises(Misconfigured, match=r"^sink\.rides: 'decision' is bigint, not text\..*sink-differs"):
        score_directly("rides", BEFORE)


def test_a_class_called_review_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    table = rides().assign(tipped=lambda rows: rows["tipped"].replace("yes", "review"))
    write_project(workspace / "projects" / "rides", ride_spec(decision=REVIEW), table)
    with pytest.raises(Misconfigured, match=r"'review' is a class of tipped already.*columns-conflict"):
        train_directly("rides")


def test_a_night_unlike_the_training_says_that_the_promise_is_off(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_CLOCK", CLOCK)
    folder, spec, table = workspace / "projects" / "rides", ride_spec(decision=REVIEW), rides(12_000)
    write_project(folder, spec, table)
    train_directly("rides")
    _, quiet = score_directly("rides", EARLIER)
    assert not [each for each in quiet.facts(Warned) if "promise" in each.text]
    write_project(folder, spec, table.assign(km=table["km"].where(table["day"] != DAY, table["km"] * 3)))
    _, loud = score_directly("rides", DAY)
    (said,) = [each.text for each in loud.facts(Warned) if "promise" in each.text]
    assert said.startswith(f"{DAY}: the promise of what is wrong among the decided rows is off: the predictions are")
    assert "km:" in said
